"""The two tools of mathematics, and the environment that remembers what they found out.

`evaluate` works out an exact expression; `check` substitutes values into a statement and says whether it holds. What
an answer rests on is read off the executed calls, so that a right number nobody worked out counts for nothing.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from components.agent.environment import Observation, ToolEnvironment
from components.agent.messages import ToolCall, ToolSpec
from components.tasks.math.expressions import (
    ExpressionError,
    Side,
    holds,
    judge,
    read_bindings,
    show,
    work_out,
)

EVALUATE = ToolSpec(
    name="evaluate",
    description="",
    parameters={"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]},
)
CHECK = ToolSpec(
    name="check",
    description="Substitute values into a statement",
    parameters={
        "type": "object",
        "properties": {"statement": {"type": "string"}, "where": {"type": "string"}},
        "required": ["statement", "where"],
    },
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# Bounded, because Python refuses to read integers of thousands of digits.
_NUMBER = re.compile(r"(?<![\w./])-?[0-9]{1,50}(?:\.[0-9]{1,50}|/[1-9][0-9]{0,49})?(?![\w/])")


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One executed check: which values were put in, and whether the statement held."""

    values: dict[str, Fraction]
    holds: bool


@dataclass
class MathEnvironment(ToolEnvironment):
    """Runs both tools. `computed` are all expressions worked out by an operation, `checked` all checks that ran."""

    computed: list[Side] = field(default_factory=list)
    checked: list[Checked] = field(default_factory=list)

    def run(self, call: ToolCall) -> Observation:
        try:
            if call.name == EVALUATE.name:
                return self._evaluate(call.arguments["expression"])
            return self._check(call.arguments["statement"], call.arguments["where"])
        except ExpressionError as error:
            return Observation(status="error", content=str(error))

    def _evaluate(self, expression: str) -> Observation:
        side = work_out(expression)
        self._note(side)
        return Observation(status="ok", content=show(side.value))

    def _check(self, statement: str, where: str) -> Observation:
        bound = read_bindings(where)
        values = {name: side.value for name, side in bound.items()}
        verdict = judge(statement, values)
        for side in (*bound.values(), *verdict.sides):
            self._note(side)
        self.checked.append(Checked(values=values, holds=verdict.holds))
        place = " at " + ", ".join(f"{name} = {show(value)}" for name, value in values.items()) if values else ""
        content = f"holds{place}" if verdict.holds else f"fails{place}: {verdict.failure}"
        return Observation(status="ok", content=content)

    def _note(self, side: Side) -> None:
        """A number that was only typed in was not worked out."""
        if side.operations:
            self.computed.append(side)

    def was_computed(self, value: Fraction, numbers: tuple[int, ...] = ()) -> bool:
        """Whether an operation gave `value`, from an expression in which all of `numbers` (their sizes) stand."""
        sizes = Counter(map(abs, numbers))
        return any(side.value == value and side.numbers >= sizes for side in self.computed)

    def fits(self, statement: str, values: dict[str, Fraction]) -> bool:
        """Whether `values` were put to a check and satisfy `statement`, the task's own and not the caller's."""
        return any(values.items() <= check.values.items() for check in self.checked) and holds(statement, values)


def evaluate_call(expression: str) -> ToolCall:
    return ToolCall(name=EVALUATE.name, arguments={"expression": expression})


def check_call(statement: str, where: dict[str, str]) -> ToolCall:
    bindings = ", ".join(f"{name}={text}" for name, text in where.items())
    return ToolCall(name=CHECK.name, arguments={"statement": statement, "where": bindings})


def offer_tools(rng: random.Random) -> tuple[ToolSpec, ...]:
    """Both tools in any order: a model shall read which is which."""
    return (EVALUATE, CHECK) if rng.random() < 0.5 else (CHECK, EVALUATE)


def read_numbers(answer: str) -> list[Fraction]:
    """The numbers of an answer in their order: integers, decimals, fractions; commas may part thousands."""
    return [Fraction(text) for text in _NUMBER.findall(_THOUSANDS.sub("", answer))]
