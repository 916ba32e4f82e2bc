"""Items whose derivation is arithmetic: a typed graph of steps, made for the item, solved by the tools of mathematics.

`Sheet` collects givens and steps and knows every value while it is filled, so that Euclid's algorithm knows when to
end. What comes of it is a `Derivation` of `components.tasks.math`: its rules, wrong rules, checks and player.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from components.agent.environment import Environment
from components.agent.messages import ToolSpec
from components.core.params import read_yaml
from components.tasks.kit.oracle import Player
from components.tasks.math.derivation import Derivation, Schema, Step
from components.tasks.math.expressions import evaluate, show
from components.tasks.math.rules import RULES, Kind, WrongRule
from components.tasks.math.solve import SolveEnvironment, solve
from components.tasks.math.tools import CHECK, EVALUATE

# The tools read twice as many characters in one expression; a wrong rule may write a part twice.
_MAX_WRITTEN_CHARACTERS = 140
_WORDING = read_yaml(Path(__file__).with_name("derivations.yaml"))
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "next")


@dataclass(frozen=True, kw_only=True)
class Worked:
    """A derivation, and its result as the dataset wants it written."""

    derivation: Derivation
    result: str

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return EVALUATE, CHECK

    @property
    def established(self) -> str:
        return ", ".join(show(value) for value in self.derivation.asked)

    @property
    def has_wrong_step(self) -> bool:
        return any(wrong.fails_statement for wrong in self.derivation.wrong_steps())

    def start(self) -> Environment:
        return SolveEnvironment(tools=self.tools, derivation=self.derivation)

    def player(self, rng: random.Random, wrong_branch: bool) -> Player:
        return solve(self.derivation, rng, wrong_branch)


@dataclass
class Sheet:
    """Givens and steps by name, in the order they were added."""

    givens: dict[str, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    values: dict[str, Fraction] = field(default_factory=dict)
    divisions: int = 0

    def given(self, value: int) -> str:
        name = f"g{len(self.givens) + 1}"
        self.givens[name] = value
        self.values[name] = Fraction(value)
        return name

    def step(self, rule: str, *inputs: str, goal: str, name: str = "") -> str:
        """The node that the rule called `rule` finds from `inputs`; `goal` is what people call it."""
        step = Step(output=name or f"s{len(self.steps) + 1}", rule=RULES[rule], inputs=inputs, goal=goal)
        self.steps.append(step)
        self.values[step.output] = evaluate(step.compute, self.values)
        return step.output

    def common_divisor(self, first: str, second: str) -> str:
        """The node of the greatest common divisor, by Euclid's algorithm."""
        larger, smaller = sorted((first, second), key=lambda name: self.values[name], reverse=True)
        while self.values[larger] % self.values[smaller]:
            self.divisions += 1
            ordinal = _ORDINALS[min(self.divisions, len(_ORDINALS)) - 1]
            rest = self.step("remainder", larger, smaller, goal=f"the {ordinal} remainder")
            larger, smaller = smaller, rest
        return smaller

    def worked(
        self,
        name: str,
        nodes: Sequence[str],
        *,
        statement: str,
        wrong: Sequence[tuple[str, str]] = (),
        result: str = "",
    ) -> Worked | None:
        """The lesson that asks for `nodes`, worded by the entry `name` of `derivations.yaml`.

        `wrong` are wrong ways to the first of them: the name in that entry and the expression over givens. None where
        there is little to work out, a step cannot be checked, the whole does not go into one expression, or the result
        stands among the givens already.
        """
        if len(self.steps) < 2 or {self.values[node] for node in nodes} & {self.values[given] for given in self.givens}:
            return None
        wording = _WORDING[name]
        schema = Schema(
            name=name,
            givens={given: _kind(value) for given, value in self.givens.items()},
            draw=lambda rng: dict(self.givens),
            steps=tuple(self.steps),
            asked=tuple(nodes),
            statement=statement,
            prompts=(),
            analyses=tuple(text.format(asked=nodes[0]) for text in wording["analyses"]),
            wrong_rules=tuple(
                WrongRule(name=way, compute=compute, lesson=wording["wrong"][way]) for way, compute in wrong
            ),
        )
        derivation = Derivation(schema=schema, givens=dict(self.givens))
        if derivation.faults():  # a product with 0 cannot be divided back
            return None
        if any(len(derivation.written(node, {})) > _MAX_WRITTEN_CHARACTERS for node in nodes):
            return None
        return Worked(derivation=derivation, result=result or show(derivation.asked[0]))


def _kind(value: int) -> Kind:
    return "natural" if value >= 0 else "integer"
