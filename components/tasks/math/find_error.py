"""Metacognition: a derivation somebody else wrote down, and the question which of its steps goes wrong first.

The written steps come from a real derivation in which one step was taken by a wrong rule and the rest follows from it,
or from a sound one. Each step is checked by its rule, given the values written before it: only the first wrong one
fails. A wrong branch accuses a sound step, whose executed check holds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from components.agent.environment import Observation, Split, Task, make_task
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.kit.family import Family
from components.tasks.kit.oracle import Answer, Mistake, Player, Turn
from components.tasks.kit.wording import capital, phrase
from components.tasks.math.derivation import Derivation, Step, WrongStep, draw_derivation
from components.tasks.math.expressions import ExpressionError, judge, show
from components.tasks.math.schemas import SCHEMAS
from components.tasks.math.tools import MathEnvironment, check_call, evaluate_call, offer_tools, read_numbers
from components.tasks.math.words import asked_prompt

ALL_RIGHT = "all right"
_SOUND_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class WrittenStep:
    """One step as somebody wrote it down: what it found, and the check it must pass given what stands before it."""

    step: Step
    expression: str
    value: Fraction
    statement: str

    @property
    def where(self) -> dict[str, str]:
        return {self.step.output: show(self.value)}

    @property
    def holds(self) -> bool:
        return judge(self.statement, {self.step.output: self.value}).holds


@dataclass(frozen=True, kw_only=True)
class WrittenDerivation:
    """A derivation as somebody wrote it down, with a wrong step in it if there is one.

    Its properties raise ExpressionError where it cannot be written to its end.
    """

    derivation: Derivation
    wrong: WrongStep | None

    @property
    def _replaced(self) -> dict[str, str]:
        return {self.wrong.node: self.wrong.compute} if self.wrong else {}

    @cached_property
    def _values(self) -> dict[str, Fraction]:
        return self.derivation.propagate(self._replaced)

    @cached_property
    def steps(self) -> tuple[WrittenStep, ...]:
        written = self.derivation.written
        return tuple(
            WrittenStep(
                step=step,
                expression=written(self._replaced.get(step.output, step.compute), self._values),
                value=self._values[step.output],
                statement=written(step.check, self._values, symbols=(step.output,)),
            )
            for step in self.derivation.schema.steps
        )

    @property
    def wrong_index(self) -> int | None:
        nodes = [step.output for step in self.derivation.schema.steps]
        return nodes.index(self.wrong.node) if self.wrong else None

    @property
    def right_expression(self) -> str:
        """What the wrong step should have computed, over the values written before it."""
        assert self.wrong is not None
        return self.derivation.written(self.derivation.schema.step(self.wrong.node).compute, self._values)

    def has_one_wrong_step(self) -> bool:
        """Whether it can be written to its end and no other step is wrong in itself."""
        assert self.wrong is not None
        try:
            return self.wrong.value is not None and [
                index for index, item in enumerate(self.steps) if not item.holds
            ] == [self.wrong_index]
        except ExpressionError:
            return False


@dataclass(kw_only=True)
class ErrorEnvironment(MathEnvironment):
    written: WrittenDerivation

    def verify(self, answer: str) -> bool:
        """`step N: RESULT` after a check of that step failed and its result was worked out; or `all right` after
        every step passed its check."""
        says_right = ALL_RIGHT in answer.casefold()
        wrong, index = self.written.wrong, self.written.wrong_index
        if wrong is None or index is None:
            return says_right and all(
                self.fits(item.statement, {item.step.output: item.value}) for item in self.written.steps
            )
        item, right = self.written.steps[index], self.written.derivation.values[wrong.node]
        refuted = any(not check.holds and check.values.get(wrong.node) == item.value for check in self.checked)
        found = self.was_computed(right) or self.fits(item.statement, {wrong.node: right})
        return not says_right and read_numbers(answer)[-2:] == [index + 1, right] and refuted and found


class FindErrorFamily(Family):
    """Which step is wrong? Over every schema."""

    name = "math_find_error"
    domain: Stream = "math"

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        derivation = draw_derivation(rng.choice(list(SCHEMAS.values())), rng, split)
        candidates = [] if rng.random() < _SOUND_SHARE else list(derivation.wrong_steps())
        rng.shuffle(candidates)
        found = (WrittenDerivation(derivation=derivation, wrong=wrong) for wrong in candidates if wrong.local)
        sound = WrittenDerivation(derivation=derivation, wrong=None)
        written = next((one for one in found if one.has_one_wrong_step()), sound)
        with_expressions = rng.random() < 0.6
        lines = [
            f"Step {number}: {item.step.output} = "
            + (f"{item.expression} = " if with_expressions and item.expression != show(item.value) else "")
            + f"{show(item.value)} ({item.step.goal})"
            for number, item in enumerate(written.steps, start=1)
        ]
        question = rng.choice(
            (
                "Which step goes wrong first, and what should it give? Say 'step N: RESULT', or 'all right'.",
                "Find the first wrong step and its right result: 'step N: RESULT'. If there is none: 'all right'.",
            )
        )
        wrong = written.wrong
        return make_task(
            self,
            seed,
            split,
            prompt="\n".join((asked_prompt(rng, derivation), *lines, question)),
            tools=offer_tools(rng),
            payload={
                "schema": derivation.schema.name,
                "givens": derivation.givens,
                "wrong": [wrong.node, wrong.rule.name] if wrong else None,
            },
        )

    def written(self, task: Task) -> WrittenDerivation:
        derivation = Derivation(schema=SCHEMAS[task.payload["schema"]], givens=task.payload["givens"])
        named = {(wrong.node, wrong.rule.name): wrong for wrong in derivation.wrong_steps() if wrong.local}
        chosen = task.payload["wrong"]
        return WrittenDerivation(derivation=derivation, wrong=named[tuple(chosen)] if chosen else None)

    def start(self, task: Task) -> ErrorEnvironment:
        return ErrorEnvironment(tools=task.tools, written=self.written(task))

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        """Check the steps, one by one or all at once, and work the failing one out anew."""
        written = self.written(task)
        order = list(range(len(written.steps)))
        text = phrase(rng, "[Somebody's steps, to be checked.|A derivation to judge.|One step may be wrong.]")
        if wrong_branch:
            accused = rng.choice([index for index in order if index != written.wrong_index])
            item, number = written.steps[accused], accused + 1
            seen = yield Mistake(
                name="sound step accused",
                text=text,
                plan=phrase(rng, "[Step {n} looks wrong.|It must be step {n}.]", n=number),
                call=check_call(item.statement, item.where),
                shows=_holds,
            )
            order.remove(accused)
            text = phrase(
                rng,
                "It {seen}, so step {n} is sound. [A look is no check.|Guessing does not find it.|"
                "The steps must be checked, not guessed.]",
                seen=seen.content,
                n=number,
            )
        other_plan = "" if wrong_branch else "Check each step against what it should be."
        for group in [order] if rng.random() < 0.4 else [[index] for index in order]:
            items = [written.steps[index] for index in group]
            call = check_call(
                "; ".join(item.statement for item in items),
                {name: value for item in items for name, value in item.where.items()},
            )
            plan = f"Check step {group[0] + 1}." if len(group) == 1 else "Check the steps at once."
            seen = yield Turn(text=text, plan=rng.choice((plan, other_plan)), call=call)
            if written.wrong_index in group:
                assert seen.content.startswith("fails"), seen.content
                return (yield from _correct(written, seen.content, rng))
            assert _holds(seen), seen.content
            text, other_plan = phrase(rng, "[It|That] {seen}.", seen=seen.content), ""
        return Answer(text=f"{text} No step fails.", summary=rng.choice((ALL_RIGHT, "All right.")))


def _correct(written: WrittenDerivation, failure: str, rng: random.Random) -> Player:
    """Work the failing step out anew and answer."""
    assert written.wrong is not None and written.wrong_index is not None
    number, step = written.wrong_index + 1, written.derivation.schema.step(written.wrong.node)
    seen = yield Turn(
        text=f"{capital(failure)}. That is step {number}. {written.wrong.rule.lesson}.",
        plan=phrase(rng, "[Find {goal} anew.|Now {goal}, the right way.|]", goal=step.goal),
        call=evaluate_call(written.right_expression),
    )
    assert seen.content == show(written.derivation.values[step.output])
    return Answer(
        text=phrase(rng, "[It should be {v}.|The right result is {v}.]", v=seen.content),
        summary=phrase(rng, "[step|Step] {n}: {v}", n=number, v=seen.content),
    )


def _holds(seen: Observation) -> bool:
    return seen.content.startswith("holds")
