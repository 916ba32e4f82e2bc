"""A kind of text world as a task family: games drawn until one is won in few enough turns."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from components.agent.environment import Environment, Split, Task, make_task
from components.agent.messages import ToolSpec
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.extra.textworlds.sessions import Session
from components.tasks.extra.textworlds.turns import Stuck
from components.tasks.extra.textworlds.world import WorldEnvironment
from components.tasks.kit.episode import play_episode
from components.tasks.kit.family import Family
from components.tasks.kit.oracle import Choice, Player, one_mistake, play
from components.tasks.kit.splits import split_of

MAX_TURNS = 16  # calls in which a game is won when it is drawn; told in other words it may go another way
# The simulator's own folds begin there. Two small worlds of both folds can look alike, so the words decide as well.
_SEEDS = {"train": range(0, 10_000), "heldout": range(20_000, 30_000)}
_LICENCE = "Apache-2.0"


@dataclass(frozen=True, kw_only=True)
class TextWorldFamily(Family):
    """Games of a simulator, played from what is seen.

    `game` is the simulator's name for the game; one of `settings` is drawn. `solve` plays it, given the task, the first
    look and a generator for choices; it raises Stuck. Every game that is asked has at least `sure_mistakes` turns that
    list a mistake.
    """

    name: str
    simulator: type[Session]
    game: str
    tools: tuple[ToolSpec, ...]
    solve: Callable[[str, str, random.Random], Player]
    sure_mistakes: int
    settings: tuple[str, ...] = ("",)
    domain: Stream = "tool"

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        while True:
            settings, number = rng.choice(self.settings), rng.choice(_SEEDS[split])
            session = self.simulator(self.game, settings, number, split)
            prompt = f"{session.task}\n{session.first_look}"
            if split_of(self.name, prompt) == split and self._is_won(session):
                break
        payload = {
            "settings": settings,
            "game": number,
            "task": session.task,
            "look": session.first_look,
            "licence": _LICENCE,
            "source_uri": f"package:{self.simulator.distribution}",
        }
        return make_task(self, seed, split, prompt=prompt, tools=self.tools, payload=payload)

    def start(self, task: Task) -> Environment:
        session = self.simulator(self.game, task.payload["settings"], task.payload["game"], task.split)
        return WorldEnvironment(tools=task.tools, session=session)

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        return self.solve(task.payload["task"], task.payload["look"], rng)

    def choice(self, rng: random.Random) -> Choice:
        return one_mistake(rng, self.sure_mistakes)

    def _is_won(self, session: Session) -> bool:
        """Whether the player wins this game, at its plainest, in MAX_TURNS and not at once."""
        environment = WorldEnvironment(tools=self.tools, session=session)
        oracle = play(self.solve(session.task, session.first_look, random.Random(0)))
        try:
            turns = list(islice(play_episode(oracle, environment), MAX_TURNS + 1))
        except Stuck:
            return False
        return turns[-1][0].call is None and environment.won and len(turns) - 1 > self.sure_mistakes
