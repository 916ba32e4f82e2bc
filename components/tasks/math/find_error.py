"""Metacognition: a derivation somebody else wrote down, and the question which of its steps goes wrong first.

The listed steps come from a real derivation in which one step was taken by a misconception and the rest follows from
it, or from a sound one. Each step is checked by its rule, given the values listed before it: only the first wrong one
fails. A wrong branch accuses a sound step, whose executed check holds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from components.agent.environment import Label, Oracle, OracleStep, Split, Task, make_task
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.math.derivation import Derivation, Schema, Slip, Step, draw_derivation
from components.tasks.math.expressions import ExpressionError, judge, show
from components.tasks.math.tools import (
    MathEnvironment,
    check_call,
    evaluate_call,
    offer_tools,
    read_numbers,
)
from components.tasks.math.words import asked_prompt, capital

ALL_RIGHT = "all right"
_SOUND_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One step as somebody wrote it down: what it found, and the check it must pass given what stands before it."""

    step: Step
    expression: str
    value: Fraction
    statement: str

    @property
    def where(self) -> dict[str, str]:
        return {self.step.output: show(self.value)}


@dataclass(frozen=True, kw_only=True)
class Work:
    """The listed steps; `wrong` is the index of the first wrong one and `right` what it should have found."""

    listed: tuple[Listed, ...]
    wrong: int | None
    right: Fraction | None
    right_expression: str
    lesson: str


@dataclass
class ErrorEnvironment(MathEnvironment):
    work: Work | None = None

    def verify(self, answer: str) -> bool:
        """`step N: RESULT` after a check of that step failed and its result was worked out; or `all right` after
        every step passed its check."""
        assert self.work is not None
        said_right = ALL_RIGHT in answer.casefold()
        if self.work.wrong is None or self.work.right is None:
            return said_right and all(
                self.fits(item.statement, {item.step.output: item.value}) for item in self.work.listed
            )
        item = self.work.listed[self.work.wrong]
        refuted = any(not check.holds and check.values.get(item.step.output) == item.value for check in self.checked)
        found = self.was_computed(self.work.right) or self.fits(item.statement, {item.step.output: self.work.right})
        return (
            not said_right and read_numbers(answer)[-2:] == [self.work.wrong + 1, self.work.right] and refuted and found
        )


@dataclass(frozen=True, kw_only=True)
class FindErrorFamily:
    """Which step is wrong? Over every schema of several steps."""

    schemas: tuple[Schema, ...]
    name: str = "math_find_error"
    level: str = "metacognition"
    domain: Stream = "math"

    @cached_property
    def by_name(self) -> dict[str, Schema]:
        return {schema.name: schema for schema in self.schemas}

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        derivation = draw_derivation(rng.choice(self.schemas), rng, split)
        slips = [] if rng.random() < _SOUND_SHARE else list(derivation.slips())
        rng.shuffle(slips)
        slip = next((slip for slip in slips if is_listable(derivation, slip)), None)
        with_expressions = rng.random() < 0.6
        lines = [
            f"Step {number}: {item.step.output} = "
            + (f"{item.expression} = " if with_expressions and item.expression != show(item.value) else "")
            + f"{show(item.value)} ({item.step.goal})"
            for number, item in enumerate(list_steps(derivation, slip).listed, start=1)
        ]
        question = rng.choice(
            (
                "Which step goes wrong first, and what should it give? Say 'step N: RESULT', or 'all right'.",
                "Find the first wrong step and its right result: 'step N: RESULT'. If there is none: 'all right'.",
            )
        )
        return make_task(
            self,
            seed,
            split,
            prompt="\n".join((asked_prompt(rng, derivation), *lines, question)),
            tools=offer_tools(rng),
            payload={
                "schema": derivation.schema.name,
                "givens": derivation.givens,
                "wrong": {"node": slip.node, "misconception": slip.misconception.name} if slip else None,
            },
        )

    def work(self, task: Task) -> Work:
        derivation = Derivation(schema=self.by_name[task.payload["schema"]], givens=task.payload["givens"])
        wrong = task.payload["wrong"]
        if wrong is None:
            return list_steps(derivation, None)
        named = (wrong["node"], wrong["misconception"])
        slip = next(slip for slip in derivation.slips() if (slip.node, slip.misconception.name) == named)
        return list_steps(derivation, slip)

    def start(self, task: Task) -> ErrorEnvironment:
        return ErrorEnvironment(tools=task.tools, work=self.work(task))

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        return find_error(self.work(task), rng, wrong_branch)


def list_steps(derivation: Derivation, slip: Slip | None) -> Work:
    """The derivation as written down, with the slip in it if there is one."""
    values = derivation.propagate({slip.node: slip.compute} if slip else {})
    listed = tuple(
        Listed(
            step=step,
            expression=derivation.written(slip.compute if slip and slip.node == step.output else step.compute, values),
            value=values[step.output],
            statement=derivation.written(step.check, values, symbols=(step.output,)),
        )
        for step in derivation.schema.steps
    )
    if slip is None:
        return Work(listed=listed, wrong=None, right=None, right_expression="", lesson="")
    wrong = next(index for index, item in enumerate(listed) if item.step.output == slip.node)
    return Work(
        listed=listed,
        wrong=wrong,
        right=derivation.values[slip.node],
        right_expression=derivation.written(listed[wrong].step.compute, values),
        lesson=slip.misconception.lesson,
    )


def is_listable(derivation: Derivation, slip: Slip) -> bool:
    """Whether the derivation can be written to its end after the slip, every other step sound in itself."""
    if not slip.local or slip.value is None:
        return False
    try:
        work = list_steps(derivation, slip)
        sound = [judge(item.statement, {item.step.output: item.value}).holds for item in work.listed]
    except ExpressionError:
        return False
    return [index for index, holds in enumerate(sound) if not holds] == [work.wrong]


def find_error(work: Work, rng: random.Random, wrong_branch: bool) -> Oracle:
    """Check the steps, one by one or all at once, and work the failing one out anew."""
    order = list(range(len(work.listed)))
    analysis = rng.choice(("Somebody's steps, to be checked.", "A derivation to judge.", "One step may be wrong."))
    reflection = ""
    label: Label = "good"
    if wrong_branch:
        accused = rng.choice([index for index in order if index != work.wrong])
        item = work.listed[accused]
        seen = yield OracleStep(
            analysis=analysis,
            plan=rng.choice(("Step {} looks wrong.", "It must be step {}.")).format(accused + 1),
            call=check_call(item.statement, item.where),
            label="wrong",
        )
        assert seen.content.startswith("holds"), "an accused step is sound"
        order.remove(accused)
        reflection = f"It {seen.content}, so step {accused + 1} is sound. " + rng.choice(
            ("A look is no check.", "Guessing does not find it.", "The steps must be checked, not guessed.")
        )
        label = "recovery"
    groups = [order] if rng.random() < 0.4 else [[index] for index in order]
    for group in groups:
        items = [work.listed[index] for index in group]
        statement = "; ".join(item.statement for item in items)
        where = {name: text for item in items for name, text in item.where.items()}
        call = check_call(statement, where)
        then = f"Check step {group[0] + 1}." if len(group) == 1 else "Check the steps at once."
        if analysis and not reflection:
            plan = rng.choice((then, "Check each step against what it should be."))
            seen = yield OracleStep(analysis=analysis, plan=plan, call=call)
        else:
            seen = yield OracleStep(
                reflection=reflection,
                plan=rng.choice((then, "")),
                call=call,
                label=label,
            )
        label = "good"
        if work.wrong is not None and work.wrong in group:
            assert seen.content.startswith("fails"), seen.content
            yield from _amend(work, work.wrong, seen.content, rng)
            return
        assert seen.content.startswith("holds"), seen.content
        reflection = rng.choice(("It {}.", "That {}.")).format(seen.content)
    yield OracleStep(reflection=f"{reflection} No step fails.", summary=rng.choice((ALL_RIGHT, "All right.")))


def _amend(work: Work, wrong: int, failure: str, rng: random.Random) -> Oracle:
    """Work the failing step out anew and answer."""
    seen = yield OracleStep(
        reflection=f"{capital(failure)}. That is step {wrong + 1}. {work.lesson}.",
        plan=rng.choice(("Find {} anew.", "Now {}, the right way.", "")).format(work.listed[wrong].step.goal),
        call=evaluate_call(work.right_expression),
    )
    assert work.right is not None and seen.content == show(work.right)
    yield OracleStep(
        reflection=rng.choice(("It should be {}.", "The right result is {}.")).format(seen.content),
        summary=rng.choice(("step {}: {}", "Step {}: {}")).format(wrong + 1, seen.content),
    )
