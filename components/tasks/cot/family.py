"""A domain of problems as a task family: drawn until one is of the split, worth its steps and open to a mistake."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from components.agent.environment import Environment, Split, Task, make_task
from components.agent.messages import ToolSpec
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.cot.signature import signature
from components.tasks.cot.steps import Facts, Problem
from components.tasks.cot.thought import think
from components.tasks.kit.family import Family
from components.tasks.kit.oracle import Player
from components.tasks.kit.splits import split_of

_MIN_STEPS = 3


class Domain(Protocol):
    """A kind of problem: how one is drawn, told and read back from its facts."""

    @property
    def tools(self) -> tuple[ToolSpec, ...]: ...

    def draw(self, rng: random.Random) -> Facts:
        """Facts of a problem, or [] where none came of the draw."""
        ...

    def symbols(self, facts: Facts) -> Sequence[str]:
        """The names in the facts; renaming them leaves the problem the same."""
        ...

    def problem(self, facts: Facts) -> Problem: ...

    def prompt(self, rng: random.Random, facts: Facts) -> str: ...


@dataclass(frozen=True, kw_only=True)
class CotFamily(Family):
    """Problems of one domain, solved by a chain of thought whose every step is executed."""

    name: str
    source: Domain
    domain: Stream = "cot"

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        while True:
            facts = self.source.draw(rng)
            if not facts or self.split(facts) != split:
                continue
            steps = self.source.problem(facts).deductions(random.Random(0))
            if len(steps) >= _MIN_STEPS and any(step.mistakes for step in steps):
                break
        payload: dict[str, Any] = {"facts": facts}
        prompt = self.source.prompt(rng, facts)
        return make_task(self, seed, split, prompt=prompt, tools=self.source.tools, payload=payload)

    def split(self, facts: Facts) -> Split:
        """The split of a problem for good, whatever it is called."""
        return split_of(self.name, signature(facts, self.source.symbols(facts)))

    def start(self, task: Task) -> Environment:
        return self.source.problem(task.payload["facts"]).start()

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        return think(self.source.problem(task.payload["facts"]), rng, wrong_branch)
