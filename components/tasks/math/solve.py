"""Families that ask for the result of a derivation, and the oracle that derives it with the tools.

How much is done in one call is drawn: from one check with the whole expression in it to one call a step. With a wrong
branch one step is taken by a misconception, its check is executed and fails, and the step is taken anew.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from components.agent.environment import Label, Observation, Oracle, OracleStep, Split, Task, make_task
from components.agent.messages import ToolCall
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.math.derivation import Derivation, Schema, Slip, Step, draw_derivation
from components.tasks.math.expressions import show
from components.tasks.math.tools import (
    MathEnvironment,
    check_call,
    evaluate_call,
    offer_tools,
    read_numbers,
)
from components.tasks.math.words import asked_prompt, capital, next_plan, opening, told

_GOOD: Label = "good"
_RECOVERY: Label = "recovery"
MAX_TURNS = 8  # what `evaluation.max_turns` leaves a policy; no oracle takes more


@dataclass
class SolveEnvironment(MathEnvironment):
    """The problem's statement and the values asked, by name."""

    statement: str = ""
    wanted: dict[str, Fraction] | None = None
    any_order: bool = False

    def verify(self, answer: str) -> bool:
        """The last numbers of the answer are the asked values, and they were worked out, or put to a check."""
        assert self.wanted is not None
        values = list(self.wanted.values())
        said = read_numbers(answer)[-len(values) :]
        right = sorted(said) == sorted(values) if self.any_order else said == values
        return right and (self.fits(self.statement, self.wanted) or all(self.was_computed(value) for value in values))


@dataclass(frozen=True, kw_only=True)
class SolveFamily:
    """Problems of some schemas of one level, each schema as often as the others."""

    name: str
    level: str
    schemas: tuple[Schema, ...]
    domain: Stream = "math"

    @cached_property
    def by_name(self) -> dict[str, Schema]:
        return {schema.name: schema for schema in self.schemas}

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        schema = rng.choice(self.schemas)
        derivation = draw_derivation(schema, rng, split)
        return make_task(
            self,
            seed,
            split,
            prompt=asked_prompt(rng, derivation),
            tools=offer_tools(rng),
            payload={"schema": schema.name, "givens": derivation.givens},
        )

    def derivation(self, task: Task) -> Derivation:
        return Derivation(schema=self.by_name[task.payload["schema"]], givens=task.payload["givens"])

    def start(self, task: Task) -> SolveEnvironment:
        derivation = self.derivation(task)
        return SolveEnvironment(
            tools=task.tools,
            statement=derivation.statement,
            wanted=dict(zip(derivation.schema.asked, derivation.asked, strict=True)),
            any_order=derivation.schema.any_order,
        )

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        return solve(self.derivation(task), rng, wrong_branch)


def solve(derivation: Derivation, rng: random.Random, wrong_branch: bool) -> Oracle:
    """Derive, substitute into the statement, answer."""
    schema, statement = derivation.schema, derivation.statement
    slip = rng.choice(list(derivation.slips())) if wrong_branch else None
    grain = _grain(derivation, rng, slip)
    goals = [step.goal for step in schema.steps if step.output in grain.own]
    said = Said(*opening(rng, schema.analyses, goals))
    known: dict[str, Fraction] = {}
    for step in schema.steps:
        if step.output in grain.own:
            slipped = slip if slip is not None and slip.node == step.output else None
            said = yield from _take(derivation, step, known, slipped, step.output in grain.checked, said, rng)
            known[step.output] = derivation.values[step.output]
    then, label = rng.choice(("Check it.", "Put it back in.", "Now check.")), _GOOD
    if slip is not None and slip.node not in grain.own:
        where = {name: derivation.written(name, known, slip=slip) for name in schema.asked}
        seen = yield said.turn(check_call(statement, where), then, "wrong")
        said = _contradicted(seen, slip)
        then, label = rng.choice(("Once more, right this time.", "Work it out anew.", "Again.")), _RECOVERY
    where = {name: derivation.written(name, known) for name in schema.asked}
    seen = yield said.turn(check_call(statement, where), then, label)
    assert seen.content.startswith("holds"), seen.content
    yield OracleStep(
        reflection=rng.choice(("It {}.", "The statement {}.", "That {}.")).format(seen.content),
        summary=_summary(rng, derivation),
    )


@dataclass(frozen=True)
class Said:
    """What the next turn opens with: analysis and plan if it is the first, otherwise a reflection."""

    analysis: str = ""
    plan: str = ""
    reflection: str = ""

    def turn(self, call: ToolCall, then: str, label: Label = "good") -> OracleStep:
        """The turn with this call; `then` is its plan unless it is the first."""
        if self.analysis:
            return OracleStep(analysis=self.analysis, plan=self.plan, call=call, label=label)
        return OracleStep(reflection=self.reflection, plan=then, call=call, label=label)


def _take(
    derivation: Derivation,
    step: Step,
    known: dict[str, Fraction],
    slip: Slip | None,
    checked: bool,
    said: Said,
    rng: random.Random,
) -> Generator[OracleStep, Observation, Said]:
    """One step with a call of its own: taken by the slip if there is one, checked, taken anew.

    Sound steps are `checked` too, now and then: a check must not give away that something is wrong.
    """
    plan = next_plan(rng, step.goal)
    right = evaluate_call(derivation.written(step.compute, known))
    if slip is not None:
        seen = yield said.turn(evaluate_call(derivation.written(slip.compute, known)), plan, "wrong")
        if seen.status == "ok":
            seen = yield _check_step(derivation, step, known, seen.content, rng)
        said = _contradicted(seen, slip)
        seen = yield said.turn(
            right, rng.choice(("Find {} anew.", "Again: {}.", "Take {} once more.")).format(step.goal), "recovery"
        )
    else:
        seen = yield said.turn(right, plan)
    assert seen.content == show(derivation.values[step.output])
    if not checked:
        return Said(reflection=told(rng, step.goal, seen.content))
    seen = yield _check_step(derivation, step, known, seen.content, rng)
    assert seen.content.startswith("holds"), seen.content
    return Said(reflection=f"It {seen.content}.")


def _check_step(
    derivation: Derivation, step: Step, known: dict[str, Fraction], found: str, rng: random.Random
) -> OracleStep:
    """Put what a step found into the check of its rule."""
    return OracleStep(
        reflection=told(rng, step.goal, found),
        plan=rng.choice(("Check that first.", "Does it check?", "Put it back in.")),
        call=check_call(derivation.written(step.check, known, symbols=(step.output,)), {step.output: found}),
    )


def _contradicted(seen: Observation, slip: Slip) -> Said:
    assert contradicts(seen), "a slip is only taken where its check fails"
    return Said(reflection=f"{capital(seen.content)}. {slip.misconception.lesson}.")


def contradicts(seen: Observation) -> bool:
    """Whether an observation says that the step before it was wrong."""
    return seen.status != "ok" or seen.content.startswith("fails")


@dataclass(frozen=True, kw_only=True)
class Grain:
    """Nodes with a call of their own (the others are written out inside later expressions), and those checked alone."""

    own: set[str]
    checked: set[str]


def _grain(derivation: Derivation, rng: random.Random, slip: Slip | None) -> Grain:
    """How finely to go. A slip in a step with a call of its own costs two turns more: the check that fails, and the
    step again."""
    if slip is not None and (not slip.local or (slip.shows_at_the_end and rng.random() < 0.4)):
        return Grain(own=set(), checked=set())
    nodes = [step.output for step in derivation.schema.steps]
    slipped = [slip.node] if slip is not None else []
    room = MAX_TURNS - 2 - 3 * len(slipped)  # the last check and the summary; the slip, its check, the step again
    free = [node for node in nodes if node not in slipped]
    own = rng.sample(free, rng.randint(0, min(len(free), room)))
    spare = room - len(own)
    checked = rng.sample(own, min(spare, len(own))) if rng.random() < 0.5 else []
    return Grain(own={*own, *slipped}, checked=set(checked[: rng.randint(1, 2)]))


def _summary(rng: random.Random, derivation: Derivation) -> str:
    values = [show(value) for value in derivation.asked]
    if len(values) == 1:
        return rng.choice(("{}", "The answer is {}.", "It is {}.")).format(*values)
    if derivation.schema.any_order:
        return rng.choice(("{} and {}", "The solutions are {} and {}.")).format(*values)
    return ", ".join(f"{name} = {value}" for name, value in zip(derivation.schema.asked, values, strict=True))
