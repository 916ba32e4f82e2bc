"""The chain of thought as five phases, at a granularity that is drawn: the oracle of every family of this package.

A derivation is cut into parts; each part is one Action, a check of its steps. What leads to the claims is thought
beforehand: in the analysis, for one part or several ahead, or in the plan of the turn that checks them. With a wrong
branch one step is taken by a misconception and its check really fails; the reflection quotes why, and the step and
the rest of its part are done anew. The wrong thought stands in the wrong turn and nowhere else.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from components.agent.cot.steps import Deduction, Mistake, Problem
from components.agent.cot.words import capital, in_words, say
from components.agent.environment import Label, Observation, Oracle, OracleStep

MAX_TURNS = 8  # what `evaluation.max_turns` leaves a policy; no oracle takes more
_MAX_PARTS = MAX_TURNS - 2  # the summary; the step again after a wrong one
Detail = Literal["full", "short"]


@dataclass(frozen=True, kw_only=True)
class Outline:
    """How an episode is told: the cut into parts, how many of them are thought through at once, how much is said."""

    parts: tuple[range, ...]
    ahead: int
    detail: Detail
    in_plan: bool


def think(problem: Problem, rng: random.Random, wrong_branch: bool) -> Oracle:
    """Think, check, reflect, until the last step holds; then answer."""
    steps = problem.deductions(rng)
    slip_at = rng.choice([i for i, step in enumerate(steps) if step.mistakes]) if wrong_branch else None
    outline = _outline(rng, len(steps), slip_at)
    known: list[str] = []
    reflection = ""
    for number, part in enumerate(outline.parts):
        left = len(steps) - part.start
        first = number == 0
        thought = range(outline.parts[outline.ahead - 1].stop) if first else part
        if slip_at is not None and slip_at in part:
            mistake = rng.choice(steps[slip_at].mistakes)
            before = steps[part.start : slip_at]
            told = _reasons(rng, [*before, mistake], outline.detail)
            claims = [*(step.claim for step in before), mistake.claim]
            turn = _Turn(problem.opening(rng) if first else "", reflection, told, len(claims), left, outline.in_plan)
            seen = yield turn.step(rng, problem, claims, known, "wrong")
            assert contradicts(seen), (claims, seen.content)
            reflection = f"{capital(seen.content)}. {mistake.lesson}."
            known += claims[:-1]
            part = range(slip_at, part.stop)
            told = say(rng, "[Once more:|Again:|Anew:|Take it back.] ")
            told += " " + _reasons(rng, [steps[index] for index in part], outline.detail)
            claims = [steps[index].claim for index in part]
            turn = _Turn("", reflection, told, len(claims), len(steps) - part.start, True)
            seen = yield turn.step(rng, problem, claims, known, "recovery")
        else:
            told = ""
            if first or number >= outline.ahead:
                told = _reasons(rng, [steps[index] for index in thought], outline.detail)
            claims = [steps[index].claim for index in part]
            turn = _Turn(problem.opening(rng) if first else "", reflection, told, len(claims), left, outline.in_plan)
            seen = yield turn.step(rng, problem, claims, known, "good")
        assert not contradicts(seen), (claims, seen.content)
        known += claims
        reflection = _confirmed(rng, seen, steps[part.stop - 1])
    yield OracleStep(reflection=reflection, summary=problem.answer(rng))


def contradicts(seen: Observation) -> bool:
    """Whether a check says that a step does not hold."""
    return seen.status != "ok" or "fails" in seen.content


@dataclass(frozen=True)
class _Turn:
    """What a turn says: the opening if it is the first, otherwise a reflection; then the thought."""

    opening: str
    reflection: str
    told: str
    claims: int
    left: int
    in_plan: bool

    def step(
        self, rng: random.Random, problem: Problem, claims: Sequence[str], known: Sequence[str], label: Label
    ) -> OracleStep:
        intent = _intent(rng, self.claims, self.left)
        if not self.opening:
            plan = self.told or intent
            return OracleStep(reflection=self.reflection, plan=plan, call=problem.call(claims, known), label=label)
        analysis, plan = (
            (self.opening, self.told) if self.in_plan else (f"{self.opening} {self.told}", rng.choice((intent, "")))
        )
        return OracleStep(analysis=analysis, plan=plan, call=problem.call(claims, known), label=label)


def _outline(rng: random.Random, steps: int, slip_at: int | None) -> Outline:
    """Every number of parts is as likely; a wrong thought is never told before its own turn."""
    count = rng.randint(1, min(steps, _MAX_PARTS))
    cuts = [0, *sorted(rng.sample(range(1, steps), count - 1)), steps]
    parts = tuple(range(start, stop) for start, stop in pairwise(cuts))
    ahead = rng.randint(1, count) if rng.random() < 0.5 else 1
    if slip_at is not None:
        slipped = next(number for number, part in enumerate(parts) if slip_at in part)
        ahead = min(ahead, max(1, slipped))
    detail: Detail = "short" if rng.random() < 0.3 else "full"
    return Outline(parts=parts, ahead=ahead, detail=detail, in_plan=ahead == 1 and rng.random() < 0.5)


def _reasons(rng: random.Random, steps: Sequence[Deduction | Mistake], detail: Detail) -> str:
    """The steps as sentences, with their grounds unless it is to be short."""
    sentences = []
    for step in steps:
        if detail == "short":
            pattern = "[{says}|so {says}|then {says}|{says}]."
        else:
            pattern = (
                "[{because}, so {says}|{says}, [since|because|as] {because}|{because}: {says}|{because}. So {says}]."
            )
        sentences.append(capital(say(rng, pattern, because=step.because, says=step.says)))
    return " ".join(sentences)


def _intent(rng: random.Random, claims: int, left: int) -> str:
    """What comes next, and how much is left after it."""
    rest = left - claims
    these = "this step" if claims == 1 else f"these {in_words(claims)} steps"
    after = say(rng, f"[; {in_words(rest)} to go|, {in_words(rest)} remain after it||]") if rest > 1 else ""
    pattern = "[check {these}|put {these} to the check|verify {these}|{these} to the check]"
    return f"{capital(say(rng, pattern, these=these))}{after}."


def _confirmed(rng: random.Random, seen: Observation, last: Deduction) -> str:
    """What the check said, and where that leads."""
    pattern = (
        "[{seen}|the check says {seen}|confirmed, {seen}|{seen}, so {says}|{seen}; {says} stands|as thought, {says}]."
    )
    return capital(say(rng, pattern, seen=seen.content, says=last.says))
