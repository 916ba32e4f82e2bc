"""Items whose derivation is a worksheet: lines written one after the other, each ruled on by `check_steps`.

A line has a name (`left`) and what is to be written there (`right`). It is taken once the lines before it stand, and
refused for a reason that `fault` finds in what was written: mostly the inverse way, never a look at the answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from components.agent.messages import ToolSpec
from components.core.params import read_yaml
from components.tasks.cot.steps import Claim, ClaimError, Deduction, Puzzle, WrongClaim, check_tool, with_real_mistakes
from components.tasks.cot.thought import think
from components.tasks.kit.oracle import Player
from components.tasks.kit.wording import phrase
from components.tasks.math.expressions import ExpressionError, judge

Fault = Callable[[str], str]
_WORDING = read_yaml(Path(__file__).with_name("lines.yaml"))


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line. `fault` says why another right side is wrong.

    `kind` is its entry in `lines.yaml`, `slots` are the values in its wording. `wrong` are wrong right sides by their
    name in that entry.
    """

    kind: str
    left: str
    right: str
    fault: Fault
    slots: Mapping[str, object] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)

    def deduction(self, rng: random.Random) -> Deduction:
        wording, slots = _WORDING[self.kind], {"left": self.left, **self.slots}
        wrong_claims = tuple(
            WrongClaim(
                name=name,
                claim=f"{self.left}: {right}",
                because=wording["wrong"][name]["because"].format(**slots),
                text=phrase(rng, wording["text"], right=right, **slots),
                lesson=wording["wrong"][name]["lesson"].format(**slots),
            )
            for name, right in self.wrong.items()
        )
        return Deduction(
            claim=f"{self.left}: {self.right}",
            because=phrase(rng, wording["because"], right=self.right, **slots),
            text=phrase(rng, wording["text"], right=self.right, **slots),
            mistakes=wrong_claims,
        )


@dataclass(frozen=True, kw_only=True)
class Worksheet(Puzzle):
    """All lines of an item, and its `result` as the dataset wants it written.

    `form` describes the lines to those who call the tool.
    """

    form: str
    openings: str
    lines: tuple[Line, ...]
    result: str

    @property
    def tool(self) -> ToolSpec:
        return check_tool(self.form)

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return (self.tool,)

    @property
    def established(self) -> str:
        return self.result

    @property
    def has_wrong_step(self) -> bool:
        return any(step.mistakes for step in self.deductions(random.Random(0)))

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
        return answer == self.result and (self.lines[-1].left, self.lines[-1].right) in known

    def opening(self, rng: random.Random) -> str:
        return phrase(rng, self.openings)

    def answer(self, rng: random.Random) -> str:
        return self.result

    def deductions(self, rng: random.Random) -> list[Deduction]:
        return with_real_mistakes(self, [line.deduction(rng) for line in self.lines])

    def player(self, rng: random.Random, wrong_branch: bool) -> Player:
        return think(self, rng, wrong_branch)


def fill(form: str, openings: str, lines: Sequence[Line], result: str) -> Worksheet | None:
    """The worksheet of these lines, or None where they are too few to be worth it."""
    if len(lines) < 2:
        return None
    return Worksheet(form=form, openings=openings, lines=tuple(lines), result=result)


def equation_fault(otherwise: str) -> Fault:
    """For lines that are equations: the side that does not come out, or `otherwise` where the equation is true."""

    def fault(right: str) -> str:
        try:
            return judge(right).failure or otherwise
        except ExpressionError as error:
            return str(error)

    return fault
