"""What families make, split by split: tasks solved, different prompts, turns, speed."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from typing import get_args

from components.agent.environment import Split, TaskFamily
from components.tasks.show import play_seed

SPLITS: tuple[Split, ...] = get_args(Split)
_COLUMNS = f"{'family':28}{'split':9}{'solved':>8}{'prompts':>9}{'turns':>7}{'median':>8}{'most':>6}{'episodes/s':>12}"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """`solved` and `prompts` count episodes and different prompts among `episodes`; a third made a mistake."""

    family: str
    split: Split
    episodes: int
    solved: int
    prompts: int
    min_turns: int
    median_turns: float
    max_turns: int
    episodes_per_s: float

    def row(self) -> str:
        return (
            f"{self.family:28}{self.split:9}{self.solved / self.episodes:8.1%}{self.prompts:9}{self.min_turns:7}"
            f"{self.median_turns:8g}{self.max_turns:6}{self.episodes_per_s:12.1f}"
        )


def header() -> str:
    """The line above the rows."""
    return _COLUMNS


def measure(family: TaskFamily, split: Split, episodes: int) -> Measured:
    """Play the oracle on the first seeds of a split, every third with a mistake; drawing the task is timed too."""
    play_seed(family, family.sample(0, split), wrong_branch=False)  # loads data and starts simulators before the clock
    prompts, turns, solved = set[str](), list[int](), 0
    started_s = time.perf_counter()
    for seed in range(episodes):
        task = family.sample(seed, split)
        played, right = play_seed(family, task, wrong_branch=seed % 3 == 0)
        prompts.add(task.prompt)
        turns.append(len(played))
        solved += right
    return Measured(
        family=family.name,
        split=split,
        episodes=episodes,
        solved=solved,
        prompts=len(prompts),
        min_turns=min(turns),
        median_turns=statistics.median(turns),
        max_turns=max(turns),
        episodes_per_s=round(episodes / (time.perf_counter() - started_s), 2),
    )


def as_json(rows: list[Measured]) -> dict[str, object]:
    """The whole table as one JSON object."""
    return {"measure": "task_families", "rows": [asdict(row) for row in rows]}
