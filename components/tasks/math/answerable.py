"""Metacognition: does the question have an answer? The family over the questions of `solvability.py`.

"No solution" counts only where the numbers that decide it were worked out from the question's own; "not determined"
only where two different values were put to a check and both fit.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction

from components.agent.environment import Label, Oracle, OracleStep, Split, Task, make_task
from components.agent.messages import ToolCall
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.math.expressions import ExpressionError, evaluate, judge, show
from components.tasks.math.solvability import KINDS, Question
from components.tasks.math.solve import contradicts
from components.tasks.math.tools import (
    MathEnvironment,
    check_call,
    evaluate_call,
    offer_tools,
    read_numbers,
)
from components.tasks.math.words import capital, problem_text, told

NO_SOLUTION, NOT_DETERMINED = "no solution", "not determined"
_RULES = f" If nothing fits, say '{NO_SOLUTION}'; if several values fit, say '{NOT_DETERMINED}'."
_KINDS = {kind.name: kind for kind in KINDS}


@dataclass
class AnswerableEnvironment(MathEnvironment):
    question: Question | None = None

    def verify(self, answer: str) -> bool:
        """The right outcome, and what proves it was executed."""
        question = self.question
        assert question is not None
        said = [words for words in (NO_SOLUTION, NOT_DETERMINED) if words in answer.casefold()]
        if question.outcome != "value" and read_numbers(answer):
            return False  # an answer beside "there is none" is a guess
        if question.outcome == "none":
            return said == [NO_SOLUTION] and all(
                self.was_computed(probe.value, numbers)
                for probe, numbers in zip(question.probes, question.proof, strict=True)
            )
        if question.outcome == "open":
            return said == [NOT_DETERMINED] and len(self._fitting(question)) > 1
        solution = {name: evaluate(text) for name, text in question.solution.items()}
        values = [solution[name] for name in question.asked]
        supported = self.fits(question.statement, solution) or all(self.was_computed(value) for value in values)
        return not said and read_numbers(answer)[-len(values) :] == values and supported

    def _fitting(self, question: Question) -> set[Fraction]:
        """Different values of the first unknown that were put to a check and satisfy the question."""
        fitting = set()
        for check in self.checked:
            try:
                if judge(question.statement, check.values).holds:
                    fitting.add(check.values[question.asked[0]])
            except ExpressionError:
                continue  # another statement with other names was checked
        return fitting


@dataclass(frozen=True)
class AnswerableFamily:
    """Questions of which about two in three have no single answer."""

    name: str = "math_answerable"
    level: str = "metacognition"
    domain: Stream = "math"

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        kind = rng.choice(KINDS)
        outcome = rng.choice(kind.outcomes)
        while kind.split(givens := kind.draw(rng, outcome)) != split:
            pass
        return make_task(
            self,
            seed,
            split,
            prompt=problem_text(rng.choice(kind.prompts(givens)), givens) + _RULES,
            tools=offer_tools(rng),
            payload={"kind": kind.name, "givens": givens},
            right_end="success" if outcome == "value" else "abstain_correct",
        )

    def question(self, task: Task) -> Question:
        return _KINDS[task.payload["kind"]].decide(task.payload["givens"])

    def start(self, task: Task) -> AnswerableEnvironment:
        return AnswerableEnvironment(tools=task.tools, question=self.question(task))

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        return decide(self.question(task), rng, wrong_branch)


def decide(question: Question, rng: random.Random, wrong_branch: bool) -> Oracle:
    """Work out what decides, prove the outcome, say it."""
    analysis = rng.choice(
        (
            "There may be one answer, none or many.",
            "First see whether it can be answered.",
            "Not sure it has an answer.",
        )
    )
    reflection = ""
    label: Label = "good"
    if wrong_branch:
        seen = yield OracleStep(
            analysis=rng.choice(("One answer is asked.", "An ordinary problem.", "Solve it.")),
            plan=rng.choice(("Solve at once.", "Use the formula.")),
            call=question.trap,
            label="wrong",
        )
        assert contradicts(seen), "a trap errs or fails"
        reflection, label = f"{capital(seen.content)}. {question.lesson}.", "recovery"
    # A substitution that holds shows that there is a solution; the number that decides may then go without saying.
    skip = question.outcome == "value" and rng.random() < 0.3
    for probe in () if skip else question.probes:
        plan = rng.choice(("Find {}.", "Look at {}.", "")).format(probe.goal)
        seen = yield _turn(evaluate_call(probe.expression), analysis, plan, reflection, label)
        assert seen.content == show(probe.value)
        reflection, label = told(rng, probe.goal, seen.content), "good"
    for where in [question.solution] if question.solution else question.witnesses:
        plans = ("Put in what solves it.", "") if question.solution else ("Try one that fits.", "Does this fit?", "")
        plan = rng.choice(plans)
        seen = yield _turn(check_call(question.statement, where), analysis, plan, reflection, label)
        assert seen.content.startswith("holds"), seen.content
        reflection, label = f"It {seen.content}.", "good"
    yield OracleStep(
        reflection=f"{reflection} {capital(question.reason)}." if question.reason else reflection,
        summary=_summary(question, rng),
    )


def _turn(call: ToolCall, analysis: str, plan: str, reflection: str, label: Label) -> OracleStep:
    """A first turn opens with the analysis, a later one with a reflection."""
    return OracleStep(analysis="" if reflection else analysis, plan=plan, reflection=reflection, call=call, label=label)


def _summary(question: Question, rng: random.Random) -> str:
    if question.outcome == "none":
        return rng.choice(("no solution", "There is no solution."))
    if question.outcome == "open":
        return rng.choice(("not determined", "It is not determined."))
    values = {name: show(evaluate(question.solution[name])) for name in question.asked}
    if len(values) > 1:
        return ", ".join(f"{name} = {value}" for name, value in values.items())
    return rng.choice(("{}", "It is {}.")).format(*values.values())
