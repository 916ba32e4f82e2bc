"""Kinds of puzzles as task families: drawn until one is of the split, worth its steps and open to a mistake."""

from __future__ import annotations

import random
import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from components.agent.environment import Environment, Split, Task, make_task
from components.agent.messages import ToolSpec
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.cot.signature import signature
from components.tasks.cot.steps import Claim, Deduction, Facts, Puzzle, with_real_mistakes
from components.tasks.cot.thought import think
from components.tasks.kit.family import Family
from components.tasks.kit.oracle import Player
from components.tasks.kit.splits import split_of
from components.tasks.kit.wording import phrase

_MIN_STEPS = 3


@dataclass(frozen=True)
class FactPuzzle(Puzzle):
    """A puzzle that stands in its facts; a class per kind. `openings` and `answers` are patterns over `slots`."""

    facts: Facts
    tool: ClassVar[ToolSpec]
    openings: ClassVar[str]
    answers: ClassVar[str]
    answer_form: ClassVar[re.Pattern[str]] = re.compile(r"[0-9]+")

    @classmethod
    @abstractmethod
    def draw(cls, rng: random.Random) -> Facts:
        """Facts of a puzzle, or [] where none came of the draw."""

    @property
    @abstractmethod
    def symbols(self) -> Sequence[str]:
        """The names in the facts; renaming them leaves the puzzle the same."""

    @abstractmethod
    def prompt(self, rng: random.Random) -> str: ...

    @property
    @abstractmethod
    def goal(self) -> Claim:
        """The claim that settles what is asked."""

    @abstractmethod
    def derive(self, rng: random.Random) -> Iterator[Deduction]:
        """The derivation, with mistakes of which some may happen to be right."""

    @property
    def solution(self) -> str:
        return str(self.goal[-1])

    @property
    def slots(self) -> dict[str, object]:
        return {"n": self.solution}

    def of(self, *kinds: str) -> list[list[Any]]:
        """The arguments of the facts of some kinds."""
        return [arguments for kind, *arguments in self.facts if kind in kinds]

    def answered(self, answer: str) -> list[str]:
        """What the answer names of the kind that is asked for."""
        return self.answer_form.findall(answer)

    def solves(self, answer: str, known: Sequence[Claim]) -> bool:
        """The last thing the answer names is right, and was established."""
        return self.answered(answer)[-1:] == [self.solution] and self.goal in known

    def opening(self, rng: random.Random) -> str:
        return phrase(rng, self.openings, **self.slots)

    def answer(self, rng: random.Random) -> str:
        return phrase(rng, self.answers, **self.slots)

    def deductions(self, rng: random.Random) -> list[Deduction]:
        return with_real_mistakes(self, self.derive(rng))


@dataclass(frozen=True, kw_only=True)
class CotFamily(Family):
    """Puzzles of one kind, solved by a chain of thought whose every step is executed."""

    name: str
    puzzle: type[FactPuzzle]
    domain: Stream = "cot"

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        while True:
            facts = self.puzzle.draw(rng)
            if not facts or self.split(facts) != split:
                continue
            puzzle = self.puzzle(facts)
            steps = puzzle.deductions(random.Random(0))
            if len(steps) >= _MIN_STEPS and any(step.mistakes for step in steps):
                break
        return make_task(
            self, seed, split, prompt=puzzle.prompt(rng), tools=(self.puzzle.tool,), payload={"facts": facts}
        )

    def split(self, facts: Facts) -> Split:
        """The split of a puzzle for good, whatever it is called."""
        return split_of(self.name, signature(facts, self.puzzle(facts).symbols))

    def start(self, task: Task) -> Environment:
        return self.puzzle(task.payload["facts"]).start()

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        return think(self.puzzle(task.payload["facts"]), rng, wrong_branch)
