"""Metacognition: does the question have an answer? The family over the questions of `solvability.py`.

"No solution" counts only where the numbers that decide it were worked out from the question's own; "not determined"
only where two different values were put to a check and both fit.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from components.agent.environment import Split, Task, make_task
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.kit.family import Family
from components.tasks.kit.oracle import Answer, Mistake, Player, Turn
from components.tasks.kit.wording import capital, phrase
from components.tasks.math.expressions import evaluate, holds, show
from components.tasks.math.solvability import KINDS, Question
from components.tasks.math.solve import contradicts
from components.tasks.math.tools import MathEnvironment, check_call, evaluate_call, offer_tools, read_numbers
from components.tasks.math.words import correction, describe, problem_text

NO_SOLUTION, NOT_DETERMINED = "no solution", "not determined"
_RULES = f" If nothing fits, say '{NO_SOLUTION}'; if several values fit, say '{NOT_DETERMINED}'."


@dataclass(kw_only=True)
class AnswerableEnvironment(MathEnvironment):
    question: Question

    def verify(self, answer: str) -> bool:
        """The right outcome, and what proves it was executed."""
        question, numbers = self.question, read_numbers(answer)
        named = [words for words in (NO_SOLUTION, NOT_DETERMINED) if words in answer.casefold()]
        if question.solvability == "value":
            solution = {name: evaluate(text) for name, text in question.solution.items()}
            values = [solution[name] for name in question.asked]
            supported = self.fits(question.statement, solution) or all(map(self.was_computed, values))
            return not named and numbers[-len(values) :] == values and supported
        if numbers:
            return False  # an answer beside "there is none" is a guess
        if question.solvability == "none":
            deciding = zip(question.probes.values(), question.proof, strict=True)
            return named == [NO_SOLUTION] and all(
                self.was_computed(evaluate(expression), proof) for expression, proof in deciding
            )
        # A check of another statement binds other names: it fits nothing.
        fitting = {check.values[question.asked[0]] for check in self.checked if holds(question.statement, check.values)}
        return named == [NOT_DETERMINED] and len(fitting) > 1


class AnswerableFamily(Family):
    """Questions of which about two in three have no single answer."""

    name = "math_answerable"
    domain: Stream = "math"

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        name, kind = rng.choice(list(KINDS.items()))
        solvability = rng.choice(kind.solvabilities)
        while kind.split(givens := kind.draw(rng, solvability)) != split:
            pass
        return make_task(
            self,
            seed,
            split,
            prompt=problem_text(rng.choice(kind.decide(givens).prompts), givens) + _RULES,
            tools=offer_tools(rng),
            payload={"kind": name, "givens": givens},
            right_end="success" if solvability == "value" else "abstain_correct",
        )

    def question(self, task: Task) -> Question:
        return KINDS[task.payload["kind"]].decide(task.payload["givens"])

    def start(self, task: Task) -> AnswerableEnvironment:
        return AnswerableEnvironment(tools=task.tools, question=self.question(task))

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        """Work out what decides, prove the outcome, name it."""
        question = self.question(task)
        text = phrase(
            rng,
            "[There may be one answer, none or many.|First see whether it can be answered.|Not sure it has an answer.]",
        )
        if wrong_branch:
            seen = yield Mistake(
                name="ordinary problem assumed",
                text=phrase(rng, "[One answer is asked.|An ordinary problem.|Solve it.]"),
                plan=phrase(rng, "[Solve at once.|Use the formula.]"),
                call=question.trap,
                shows=contradicts,
            )
            text = correction(seen, question.lesson)
        # A substitution that holds shows that there is a solution; the number that decides may then go without saying.
        skip = question.solvability == "value" and rng.random() < 0.3
        for goal, expression in () if skip else question.probes.items():
            plan = phrase(rng, "[Find {goal}.|Look at {goal}.|]", goal=goal)
            seen = yield Turn(text=text, plan=plan, call=evaluate_call(expression))
            assert seen.content == show(evaluate(expression))
            text = describe(rng, goal, seen.content)
        plans = "[Put in what solves it.|]" if question.solution else "[Try one that fits.|Does this fit?|]"
        for where in [question.solution] if question.solution else question.witnesses:
            seen = yield Turn(text=text, plan=phrase(rng, plans), call=check_call(question.statement, where))
            assert seen.content.startswith("holds"), seen.content
            text = f"It {seen.content}."
        return Answer(
            text=f"{text} {capital(question.reason)}." if question.reason else text, summary=_summary(question, rng)
        )


def _summary(question: Question, rng: random.Random) -> str:
    if question.solvability == "none":
        return phrase(rng, "[no solution|There is no solution.]")
    if question.solvability == "open":
        return phrase(rng, "[not determined|It is not determined.]")
    values = {name: show(evaluate(question.solution[name])) for name in question.asked}
    if len(values) > 1:
        return ", ".join(f"{name} = {value}" for name, value in values.items())
    return phrase(rng, "[{v}|It is {v}.]", v=values[question.asked[0]])
