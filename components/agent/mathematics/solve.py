"""Families that ask for the result of a derivation, and the oracle that derives it with the tools.

How much is done in one call is drawn: from one check with the whole expression in it to one call a step. With a wrong
branch one step is taken by a misconception, its check is executed and fails, and the step is taken anew.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from components.agent.draws import named_rng
from components.agent.environment import Label, Observation, Oracle, OracleStep, Split, Task
from components.agent.mathematics.derivation import Derivation, Schema, Slip, draw_derivation
from components.agent.mathematics.expressions import show
from components.agent.mathematics.tools import (
    MathEnvironment,
    check_call,
    evaluate_call,
    offer_tools,
    read_numbers,
)
from components.agent.mathematics.words import asked_prompt, capital, next_plan, opening, told
from components.agent.messages import ToolCall

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
    domain: str = "math"

    @cached_property
    def by_name(self) -> dict[str, Schema]:
        return {schema.name: schema for schema in self.schemas}

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        schema = rng.choice(self.schemas)
        derivation = draw_derivation(schema, rng, split)
        return Task(
            id=f"{self.name}/{split}/{seed}",
            family=self.name,
            domain=self.domain,
            seed=seed,
            split=split,
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
    schema = derivation.schema
    slip = rng.choice(list(_usable(derivation))) if wrong_branch else None
    explicit = _granularity(derivation, rng, slip)
    known: dict[str, Fraction] = {}
    goals = [step.goal for step in schema.steps if step.output in explicit]
    analysis, plan = opening(rng, schema.analyses, goals)
    reflection = ""
    for step in schema.steps:
        if step.output not in explicit:
            continue
        if slip is not None and slip.node == step.output:
            wrong = evaluate_call(derivation.written(slip.compute, known))
            seen = yield _turn(wrong, analysis, plan, reflection, next_plan(rng, step.goal), label="wrong")
            lesson = slip.misconception.lesson
            if seen.status == "ok":
                assert slip.value is not None and seen.content == show(slip.value)
                statement = derivation.written(step.check, known, symbols=(step.output,))
                seen = yield OracleStep(
                    reflection=told(rng, step.goal, seen.content),
                    plan=rng.choice(("Check that first.", "Does it check?", "Put it back in.")),
                    call=check_call(statement, {step.output: seen.content}),
                )
            assert contradicts(seen), "a slip is only taken where its check fails"
            seen = yield OracleStep(
                reflection=f"{capital(seen.content)}. {lesson}.",
                plan=rng.choice(("Find {} anew.", "Again: {}.", "Take {} once more.")).format(step.goal),
                call=evaluate_call(derivation.written(step.compute, known)),
                label="recovery",
            )
        else:
            right = evaluate_call(derivation.written(step.compute, known))
            seen = yield _turn(right, analysis, plan, reflection, next_plan(rng, step.goal))
        assert seen.content == show(derivation.values[step.output])
        known[step.output] = derivation.values[step.output]
        analysis, plan, reflection = "", "", told(rng, step.goal, seen.content)
    statement = derivation.statement
    then = rng.choice(("Check it.", "Put it back in.", "Now check."))
    if slip is not None and slip.node not in explicit:
        where = {name: derivation.written(name, known, slip=slip) for name in schema.asked}
        seen = yield _turn(check_call(statement, where), analysis, plan, reflection, then, label="wrong")
        assert contradicts(seen), "a slip is only taken where its check fails"
        reflection = f"{capital(seen.content)}. {slip.misconception.lesson}."
        analysis, plan, then = "", "", rng.choice(("Once more, right this time.", "Work it out anew.", "Again."))
    where = {name: derivation.written(name, known) for name in schema.asked}
    label: Label = "recovery" if slip is not None and slip.node not in explicit else "good"
    seen = yield _turn(check_call(statement, where), analysis, plan, reflection, then, label=label)
    assert seen.content.startswith("holds"), seen.content
    yield OracleStep(
        reflection=rng.choice(("It {}.", "The statement {}.", "That {}.")).format(seen.content),
        summary=_summary(rng, derivation),
    )


def contradicts(seen: Observation) -> bool:
    """Whether an observation says that the step before it was wrong."""
    return seen.status != "ok" or seen.content.startswith("fails")


def _usable(derivation: Derivation) -> list[Slip]:
    """Slips whose failing check can be executed: at their step (with a call of its own), or at the end."""
    return [slip for slip in derivation.slips() if slip.local or slip.shows_at_the_end]


def _granularity(derivation: Derivation, rng: random.Random, slip: Slip | None) -> set[str]:
    """Which nodes get a call of their own; the others are written out inside later expressions.

    A slip in a step that has a call of its own costs two turns more: the check that fails, and the step again.
    """
    nodes = [step.output for step in derivation.schema.steps]
    if slip is not None and (not slip.local or (slip.shows_at_the_end and rng.random() < 0.4)):
        return set()
    own = {slip.node} if slip is not None else set()
    room = MAX_TURNS - 2 - (2 if slip is not None else 0)  # the last check and the summary
    free = [node for node in nodes if node not in own]
    return own | set(rng.sample(free, rng.randint(0, min(len(free), room - len(own)))))


def _turn(call: ToolCall, analysis: str, plan: str, reflection: str, then: str, label: Label = "good") -> OracleStep:
    """The first turn opens with analysis and plan, a later one reflects and says what comes next."""
    if analysis:
        return OracleStep(analysis=analysis, plan=plan, call=call, label=label)
    return OracleStep(reflection=reflection, plan=then, call=call, label=label)


def _summary(rng: random.Random, derivation: Derivation) -> str:
    values = [show(value) for value in derivation.asked]
    if len(values) == 1:
        return rng.choice(("{}", "The answer is {}.", "It is {}.")).format(*values)
    if derivation.schema.any_order:
        return rng.choice(("{} and {}", "The solutions are {} and {}.")).format(*values)
    return ", ".join(f"{name} = {value}" for name, value in zip(derivation.schema.asked, values, strict=True))
