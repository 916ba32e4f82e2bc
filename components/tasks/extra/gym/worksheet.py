"""Items whose derivation is a worksheet: lines written one after the other, each ruled on by `check_steps`.

A line has a name (`left`) and what is to be written there (`right`). It is taken once the lines before it stand, and
refused for a reason that `fault` finds in what was written: mostly the inverse way, never a look at the answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from components.agent.environment import Environment, Oracle
from components.agent.messages import ToolSpec
from components.tasks.cot.steps import Claim, ClaimError, Deduction, Puzzle, WrongClaim, check_tool, with_real_mistakes
from components.tasks.cot.thought import think
from components.tasks.kit.oracle import play
from components.tasks.kit.wording import phrase
from components.tasks.math.expressions import ExpressionError, judge

Fault = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """A named misconception: what it writes, on what ground, and the lesson (without numbers) of its failed check."""

    name: str
    right: str
    because: str
    lesson: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """`says` and `because` are patterns of `phrase` with `slots`; `fault` says why another right side is wrong."""

    left: str
    right: str
    because: str
    says: str
    fault: Fault
    slots: dict[str, object] = field(default_factory=dict)
    wrong: tuple[Wrong, ...] = ()

    def deduction(self, rng: random.Random) -> Deduction:
        slots = {"left": self.left, **self.slots}
        mistakes = tuple(
            WrongClaim(
                name=wrong.name,
                claim=f"{self.left}: {wrong.right}",
                because=wrong.because,
                text=phrase(rng, self.says, right=wrong.right, **slots),
                lesson=wrong.lesson,
            )
            for wrong in self.wrong
        )
        return Deduction(
            claim=f"{self.left}: {self.right}",
            because=phrase(rng, self.because, right=self.right, **slots),
            text=phrase(rng, self.says, right=self.right, **slots),
            mistakes=mistakes,
        )


@dataclass(frozen=True, kw_only=True)
class Worksheet(Puzzle):
    """All lines of an item, and its `answer_text` as the dataset wants it written.

    `form` describes the lines to those who call the tool.
    """

    form: str
    openings: str
    lines: tuple[Line, ...]
    answer_text: str

    @property
    def tool(self) -> ToolSpec:
        return check_tool(self.form)

    @cached_property
    def by_left(self) -> dict[str, Line]:
        return {line.left: line for line in self.lines}

    def read(self, text: str) -> Claim:
        left, _, right = (" ".join(part.split()) for part in text.partition(":"))
        if not right:
            raise ClaimError(f"{text.strip()[:30]!r} is not like {self.lines[0].left}: ...")
        if left not in self.by_left:
            raise ClaimError(f"no line {left[:30]!r}")
        return left, right

    def refute(self, claim: Claim, known: Sequence[Claim]) -> str | None:
        left, right = claim
        written = {before for before, _ in known}
        missing = next(line.left for line in self.lines if line.left == left or line.left not in written)
        if missing != left:
            return f"{missing} comes first"
        line = self.by_left[left]
        return None if right == line.right else line.fault(right)

    def solves(self, answer: str, known: Sequence[Claim]) -> bool:
        return answer == self.answer_text and (self.lines[-1].left, self.lines[-1].right) in known

    def opening(self, rng: random.Random) -> str:
        return phrase(rng, self.openings)

    def answer(self, rng: random.Random) -> str:
        return self.answer_text

    def deductions(self, rng: random.Random) -> list[Deduction]:
        return with_real_mistakes(self, [line.deduction(rng) for line in self.lines])


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A worksheet as a lesson."""

    sheet: Worksheet

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return (self.sheet.tool,)

    @property
    def answer(self) -> str:
        return self.sheet.answer_text

    @property
    def established(self) -> str:
        return self.sheet.answer_text

    @property
    def has_slip(self) -> bool:
        return any(step.mistakes for step in self.sheet.deductions(random.Random(0)))

    def start(self) -> Environment:
        return self.sheet.start()

    def oracle(self, rng: random.Random, wrong_branch: bool) -> Oracle:
        return play(think(self.sheet, rng, wrong_branch))


def fill(form: str, openings: str, lines: Sequence[Line], answer: str) -> Filled | None:
    """The lesson of these lines, or None where they are too few to be worth it."""
    if len(lines) < 2:
        return None
    return Filled(sheet=Worksheet(form=form, openings=openings, lines=tuple(lines), answer_text=answer))


def equation_fault(otherwise: str) -> Fault:
    """For lines that are equations: the side that does not come out, or `otherwise` where the equation is true."""

    def fault(right: str) -> str:
        try:
            return judge(right).failure or otherwise
        except ExpressionError as error:
            return str(error)

    return fault
