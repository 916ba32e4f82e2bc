"""Families that ask for the result of a derivation, and the player that derives it with the tools.

How much is done in one call is drawn: from one check with the whole expression in it to one call a step. With a wrong
branch one step is taken by a wrong rule, its check is executed and fails, and the step is taken anew.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from components.agent.environment import Observation, Split, Task, make_task
from components.agent.messages import ToolCall
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.kit.family import Family
from components.tasks.kit.oracle import Answer, Mistake, Moves, Player, Turn
from components.tasks.kit.wording import phrase
from components.tasks.math.derivation import Derivation, Schema, Step, WrongStep, draw_derivation
from components.tasks.math.expressions import show
from components.tasks.math.schemas import SCHEMAS
from components.tasks.math.tools import MathEnvironment, check_call, evaluate_call, offer_tools, read_numbers
from components.tasks.math.words import asked_prompt, correction, describe

MAX_TURNS = 8  # what `evaluation.max_turns` leaves a policy; no player takes more


@dataclass(kw_only=True)
class SolveEnvironment(MathEnvironment):
    """Judges answers to the problem of `derivation`."""

    derivation: Derivation

    def verify(self, answer: str) -> bool:
        """The last numbers of the answer are the asked values, and they were worked out, or put to a check."""
        schema, asked = self.derivation.schema, list(self.derivation.asked)
        numbers = read_numbers(answer)[-len(asked) :]
        right = sorted(numbers) == sorted(asked) if schema.any_order else numbers == asked
        wanted = dict(zip(schema.asked, asked, strict=True))
        return right and (self.fits(self.derivation.statement, wanted) or all(map(self.was_computed, asked)))


@dataclass(frozen=True, kw_only=True)
class SolveFamily(Family):
    """Problems of some schemas, each schema as often as the others."""

    name: str
    schemas: tuple[Schema, ...]
    domain: Stream = "math"

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
        return Derivation(schema=SCHEMAS[task.payload["schema"]], givens=task.payload["givens"])

    def start(self, task: Task) -> SolveEnvironment:
        return SolveEnvironment(tools=task.tools, derivation=self.derivation(task))

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        return solve(self.derivation(task), rng, wrong_branch)


def solve(derivation: Derivation, rng: random.Random, wrong_branch: bool) -> Player:
    """Derive, substitute into the statement, answer."""
    schema = derivation.schema
    wrong = rng.choice(list(derivation.wrong_steps())) if wrong_branch else None
    granularity = _draw_granularity(derivation, rng, wrong)
    goals = [step.goal for step in schema.steps if step.output in granularity.own]
    solver = _Solver(derivation, rng, *_opening(rng, schema.analyses, goals))
    for step in schema.steps:
        if step.output in granularity.own:
            taken = wrong if wrong is not None and wrong.node == step.output else None
            yield from solver.take(step, taken, step.output in granularity.checked)
    plan = phrase(rng, "[Check it.|Put it back in.|Now check.]")
    if wrong is not None and wrong.node not in granularity.own:
        call = solver.final_check(wrong)
        seen = yield Mistake(
            name=wrong.rule.name, text=solver.text, plan=solver.plan(plan), call=call, shows=contradicts
        )
        solver.text = correction(seen, wrong.rule.lesson)
        plan = phrase(rng, "[Once more, right this time.|Work it out anew.|Again.]")
    seen = yield Turn(text=solver.text, plan=solver.plan(plan), call=solver.final_check())
    assert seen.content.startswith("holds"), seen.content
    return Answer(
        text=phrase(rng, "[It {s}.|The statement {s}.|That {s}.]", s=seen.content), summary=summarise(rng, derivation)
    )


def summarise(rng: random.Random, derivation: Derivation) -> str:
    """The asked values as an answer."""
    values = [show(value) for value in derivation.asked]
    if len(values) == 1:
        return phrase(rng, "[{v}|The answer is {v}.|It is {v}.]", v=values[0])
    if derivation.schema.any_order:
        return phrase(rng, "[{a} and {b}|The solutions are {a} and {b}.]", a=values[0], b=values[1])
    return ", ".join(f"{name} = {value}" for name, value in zip(derivation.schema.asked, values, strict=True))


def contradicts(seen: Observation) -> bool:
    """Whether an observation says that the step before it was wrong."""
    return seen.status != "ok" or seen.content.startswith("fails")


@dataclass
class _Solver:
    """The values found so far, and what the next turn opens with: its `text` and, for the first turn, the plan."""

    derivation: Derivation
    rng: random.Random
    text: str
    opening_plan: str | None
    known: dict[str, Fraction] = field(default_factory=dict)

    def plan(self, later: str) -> str:
        """The opening plan for the first turn, `later` for others."""
        first, self.opening_plan = self.opening_plan, None
        return later if first is None else first

    def take(self, step: Step, wrong: WrongStep | None, checked: bool) -> Moves:
        """One step with a call of its own: taken by the wrong rule if there is one, checked, taken anew.

        Sound steps are `checked` too, now and then: a check must not give away that something is wrong.
        """
        rng, written, goal = self.rng, self.derivation.written, step.goal
        plan = phrase(rng, "[Now {goal}.|Next: {goal}.|Find {goal}.|]", goal=goal)
        if wrong is not None:
            call = evaluate_call(written(wrong.compute, self.known))
            seen = yield Mistake(name=wrong.rule.name, text=self.text, plan=self.plan(plan), call=call)
            if seen.status == "ok":
                seen = yield self._check(step, seen.content, reveals=True)
            assert contradicts(seen), "a wrong rule is only taken where its check fails"
            self.text = correction(seen, wrong.rule.lesson)
            plan = phrase(rng, "[Find {goal} anew.|Again: {goal}.|Take {goal} once more.]", goal=goal)
        seen = yield Turn(text=self.text, plan=self.plan(plan), call=evaluate_call(written(step.compute, self.known)))
        assert seen.content == show(self.derivation.values[step.output])
        if checked:
            seen = yield self._check(step, seen.content)
            assert seen.content.startswith("holds"), seen.content
            self.text = f"It {seen.content}."
        else:
            self.text = describe(rng, goal, seen.content)
        self.known[step.output] = self.derivation.values[step.output]

    def _check(self, step: Step, found: str, reveals: bool = False) -> Turn:
        """Put what a step found into the check of its rule."""
        return Turn(
            text=describe(self.rng, step.goal, found),
            plan=phrase(self.rng, "[Check that first.|Does it check?|Put it back in.]"),
            call=check_call(
                self.derivation.written(step.check, self.known, symbols=(step.output,)), {step.output: found}
            ),
            reveals=reveals,
        )

    def final_check(self, wrong: WrongStep | None = None) -> ToolCall:
        """Put the asked values into the problem's statement."""
        written = self.derivation.written
        where = {name: written(name, self.known, wrong=wrong) for name in self.derivation.schema.asked}
        return check_call(self.derivation.statement, where)


@dataclass(frozen=True, kw_only=True)
class _Granularity:
    """Nodes with a call of their own (the others are written out inside later expressions), and those checked alone."""

    own: set[str]
    checked: set[str]


def _draw_granularity(derivation: Derivation, rng: random.Random, wrong: WrongStep | None) -> _Granularity:
    """How finely to go. A wrong step with a call of its own costs two turns more: the check that fails, and the step
    again."""
    if wrong is not None and (not wrong.local or (wrong.fails_statement and rng.random() < 0.4)):
        return _Granularity(own=set(), checked=set())
    nodes = [step.output for step in derivation.schema.steps]
    taken = [wrong.node] if wrong is not None else []
    room = MAX_TURNS - 2 - 3 * len(taken)  # the last check and the summary; the wrong step, its check, the step again
    free = [node for node in nodes if node not in taken]
    own = rng.sample(free, rng.randint(0, min(len(free), room)))
    spare = room - len(own)
    checked = rng.sample(own, min(spare, len(own))) if rng.random() < 0.5 else []
    return _Granularity(own={*own, *taken}, checked=set(checked[: rng.randint(1, 2)]))


def _opening(rng: random.Random, analyses: Sequence[str], goals: Sequence[str]) -> tuple[str, str]:
    """Analysis and plan of a first turn: a plan of all goals, of the first alone, or none."""
    length = rng.random()
    if not goals:
        plan = phrase(rng, "[Work it out and check at once.|One check with the whole expression.]")
    elif length < 0.4:
        plan = f"Find {', then '.join(goals)}; then check."
    else:
        plan = f"First {goals[0]}."
    return rng.choice(analyses), "" if length > 0.8 else plan
