"""Derivations of mathematics thought out in full: results first, then the rules' own checks, several in one call.

The problems, rules and wrong rules are those of `components.tasks.math`, and so are the tool `check` and
the environment; there each value is worked out by a tool, here it is thought and must stand its check.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from components.agent.environment import Split, Task, make_task
from components.agent.messages import ToolCall
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.cot.steps import Deduction, WrongClaim
from components.tasks.cot.thought import think
from components.tasks.kit.family import Family
from components.tasks.kit.oracle import Player
from components.tasks.kit.wording import phrase
from components.tasks.math.derivation import Derivation, Schema, Step, WrongStep, draw_derivation
from components.tasks.math.expressions import show
from components.tasks.math.schemas import SCHEMAS
from components.tasks.math.solve import SolveEnvironment, summarise
from components.tasks.math.tools import CHECK, EVALUATE, check_call
from components.tasks.math.words import asked_prompt

_MIN_STEPS = 3
LONG_SCHEMAS = {name: schema for name, schema in SCHEMAS.items() if len(schema.steps) >= _MIN_STEPS}


@dataclass(frozen=True)
class Thought:
    """A derivation as a problem for the chain of thought: a claim is `node=value`."""

    derivation: Derivation

    @cached_property
    def local_wrong_steps(self) -> dict[str, list[WrongStep]]:
        """Wrong steps whose value can be written down and whose own check fails, by node."""
        found: dict[str, list[WrongStep]] = {}
        for wrong in self.derivation.wrong_steps():
            if wrong.local and wrong.value is not None:
                found.setdefault(wrong.node, []).append(wrong)
        return found

    def deductions(self, rng: random.Random) -> list[Deduction]:
        steps: list[Deduction] = []
        known: dict[str, Fraction] = {}

        def worded(step: Step, compute: str, value: Fraction) -> tuple[str, str, str]:
            """The claim that the node has this value, its ground, and the claim in words."""
            slots = {"goal": step.goal, "w": self.derivation.written(compute, known), "v": show(value)}
            slots["rule"] = f"the rule '{step.rule.name}'"
            because = phrase(
                rng, "[{rule} gives {w}|{goal} comes from {w}|{w} is to be worked out|by {rule} it is {w}]", **slots
            )
            return f"{step.output}={slots['v']}", because, phrase(rng, "{goal} [is|comes to|equals] {v}", **slots)

        for step in self.derivation.schema.steps:
            value = self.derivation.values[step.output]
            mistakes = tuple(
                WrongClaim(wrong.rule.name, *worded(step, wrong.compute, wrong.value), wrong.rule.lesson)
                for wrong in self.local_wrong_steps.get(step.output, ())
                if wrong.value is not None
            )
            steps.append(Deduction(*worded(step, step.compute, value), mistakes))
            known[step.output] = value
        return steps

    def call(self, claims: Sequence[str], known: Sequence[str]) -> ToolCall:
        """The rules' checks of the claimed nodes and, with the last node, the problem's own statement."""
        schema = self.derivation.schema
        values = {name: Fraction(text) for name, text in (claim.split("=") for claim in known)}
        where = dict(claim.split("=") for claim in claims)
        checks = [
            self.derivation.written(step.check, values, symbols=where) for step in schema.steps if step.output in where
        ]
        if schema.steps[-1].output in where:
            where |= {name: show(values[name]) for name in schema.asked if name not in where}
            checks.append(self.derivation.written(schema.statement, values, symbols=schema.asked))
        return check_call("; ".join(dict.fromkeys(checks)), where)

    def opening(self, rng: random.Random) -> str:
        return rng.choice(self.derivation.schema.analyses)

    def answer(self, rng: random.Random) -> str:
        return summarise(rng, self.derivation)

    def start(self) -> SolveEnvironment:
        return SolveEnvironment(tools=(CHECK, EVALUATE), derivation=self.derivation)


@dataclass(frozen=True, kw_only=True)
class CotMathematicsFamily(Family):
    """Problems of three steps and more; they belong to the splits of `components.tasks.math`."""

    name: str = "cot_mathematics"
    domain: Stream = "cot"

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        schema: Schema = rng.choice(list(LONG_SCHEMAS.values()))
        while True:
            derivation = draw_derivation(schema, rng, split)
            if Thought(derivation).local_wrong_steps:
                break
        return make_task(
            self,
            seed,
            split,
            prompt=asked_prompt(rng, derivation),
            tools=(CHECK, EVALUATE),
            payload={"schema": schema.name, "givens": derivation.givens},
        )

    def problem(self, task: Task) -> Thought:
        return Thought(Derivation(schema=LONG_SCHEMAS[task.payload["schema"]], givens=task.payload["givens"]))

    def start(self, task: Task) -> SolveEnvironment:
        return self.problem(task).start()

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        return think(self.problem(task), rng, wrong_branch)
