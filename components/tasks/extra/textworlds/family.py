"""A kind of text world as a task family: games drawn until one is won in few enough turns."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from components.agent.environment import Environment, Oracle, Split, Task, make_task
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.extra.textworlds.thoughts import Player, Stuck, play
from components.tasks.extra.textworlds.world import Session, WorldEnvironment
from components.tasks.kit.splits import split_of

MAX_TURNS = 16  # calls in which a game is won when it is drawn; told in other words it may go another way
# The simulator's own folds begin there. Two small worlds of both folds can look alike, so the words decide as well.
_SEEDS = {"train": range(0, 10_000), "heldout": range(20_000, 30_000)}
_LICENCE = "Apache-2.0"


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """What runs the games: the Python package it comes in, its name in a registry, and how a game of it is begun, given
    the game, its settings, its number and the split."""

    package: str
    distribution: str
    begin: Callable[[str, str, int, Split], Session]


@dataclass(frozen=True, kw_only=True)
class TextWorldFamily:
    """Games of a simulator, played from what is seen."""

    name: str
    simulator: Simulator
    player: Player
    domain: Stream = "tool"

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        while True:
            settings, number = rng.choice(self.player.settings), rng.choice(_SEEDS[split])
            session = self.simulator.begin(self.player.game, settings, number, split)
            payload: dict[str, Any] = {
                "settings": settings,
                "game": number,
                "task": session.task,
                "look": session.first_look,
                "licence": _LICENCE,
                "source_uri": f"package:{self.simulator.distribution}",
            }
            prompt = f"{session.task}\n{session.first_look}"
            if split_of(self.name, prompt) == split and self._is_won(payload, session):
                break
        return make_task(self, seed, split, prompt=prompt, tools=self.player.tools, payload=payload)

    def start(self, task: Task) -> Environment:
        session = self.simulator.begin(self.player.game, task.payload["settings"], task.payload["game"], task.split)
        return WorldEnvironment(tools=task.tools, session=session)

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        return play(self.player, task.payload["task"], task.payload["look"], rng, wrong_branch)

    def _is_won(self, payload: dict[str, Any], session: Session) -> bool:
        """Whether the player wins this game, at its plainest, in MAX_TURNS and not at once."""
        environment = WorldEnvironment(tools=self.player.tools, session=session)
        oracle = play(self.player, payload["task"], payload["look"], random.Random(0), False)
        try:
            step, calls = next(oracle), 0
            while step.call is not None and calls < MAX_TURNS:
                step, calls = oracle.send(environment.execute(step.call)), calls + 1
        except Stuck:
            return False
        return step.call is None and environment.won and calls > self.player.sure_slips
