"""The chain of thought as five phases, at a granularity that is drawn: the player of every family of this package.

A derivation is cut into parts. Each part is one Action, a check of its steps. The thoughts that lead to its claims
stand in the turn that checks them, in its analysis or its plan: no thought runs ahead of what was checked. On a wrong
branch one step is replaced by a wrong claim, whose check really fails. The reflection quotes why, and that step and the
rest of its part are done anew. The wrong thought stands in the wrong turn and nowhere else.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

from components.agent.environment import Observation
from components.tasks.cot.steps import Deduction, Problem, WrongClaim
from components.tasks.kit.oracle import Answer, Mistake, Player, Turn
from components.tasks.kit.wording import capital, in_words, phrase

MAX_TURNS = 8  # what `evaluation.max_turns` leaves a policy; no oracle takes more
_MAX_PARTS = MAX_TURNS - 2  # the summary; the step again after a wrong one
Detail = Literal["full", "short"]


def think(problem: Problem, rng: random.Random, wrong_branch: bool) -> Player:
    """Think, check, reflect, until the last step holds; then answer."""
    steps = problem.deductions(rng)
    wrong_at = rng.choice([i for i, step in enumerate(steps) if step.mistakes]) if wrong_branch else None
    detail: Detail = "short" if rng.random() < 0.3 else "full"
    in_plan = rng.random() < 0.5
    reflection = ""

    def turn(start: int, taken: Sequence[Deduction | WrongClaim], again: bool = False) -> Turn:
        """Think `taken`, which begins at step `start`, and put it to the check."""
        reasons = _reasons(rng, taken, detail)
        intent = _intent(rng, len(taken), len(steps) - start - len(taken))
        call = problem.call([step.claim for step in taken], [step.claim for step in steps[:start]])
        if reflection:
            resumed = phrase(rng, "[Once more:|Again:|Anew:|Take it back.] ") if again else ""
            return Turn(text=reflection, plan=f"{resumed} {reasons} {intent}".strip(), call=call)
        opening = problem.opening(rng)
        if in_plan:
            return Turn(text=opening, plan=f"{reasons} {intent}".strip(), call=call)
        return Turn(text=f"{opening} {reasons}", plan=intent, call=call)

    start = 0
    for part in range(_MAX_PARTS):
        stop, again = _stop(rng, start, len(steps), _MAX_PARTS - part), False
        if wrong_at is not None and start <= wrong_at < stop:
            wrong = rng.choice(steps[wrong_at].mistakes)
            tried = turn(start, [*steps[start:wrong_at], wrong])
            seen = yield Mistake(name=wrong.name, text=tried.text, plan=tried.plan, call=tried.call, shows=contradicts)
            reflection = f"{capital(seen.content)}. {wrong.lesson}."
            start, again = wrong_at, True
        seen = yield turn(start, steps[start:stop], again)
        assert not contradicts(seen), (steps[start:stop], seen.content)
        reflection = _confirmed(rng, seen, steps[stop - 1])
        start = stop
        if start == len(steps):
            break
    return Answer(text=reflection, summary=problem.answer(rng))


def contradicts(seen: Observation) -> bool:
    """Whether a check says that a step does not hold."""
    return seen.status != "ok" or "fails" in seen.content


def _stop(rng: random.Random, start: int, steps: int, parts: int) -> int:
    """Where the part that begins at `start` ends, with `parts` left to cut the rest into. Drawn when its turn comes, so
    that an episode told again from a turn on goes on in other parts."""
    left = steps - start
    count = rng.randint(1, min(left, parts))
    return steps if count == 1 else start + rng.randint(1, left - count + 1)


def _reasons(rng: random.Random, steps: Sequence[Deduction | WrongClaim], detail: Detail) -> str:
    """The steps as sentences, with their grounds unless it is to be short."""
    sentences = []
    for step in steps:
        if detail == "short":
            pattern = "[{text}|so {text}|then {text}|{text}]."
        else:
            pattern = (
                "[{because}, so {text}|{text}, [since|because|as] {because}|{because}: {text}|{because}. So {text}]."
            )
        sentences.append(capital(phrase(rng, pattern, because=step.because, text=step.text)))
    return " ".join(sentences)


def _intent(rng: random.Random, count: int, left: int) -> str:
    """What comes next and how much is left after it, or nothing."""
    these = "this step" if count == 1 else f"these {in_words(count)} steps"
    after = f"[; {in_words(left)} to go|, {in_words(left)} remain after it||]" if left > 1 else ""
    pattern = f"[check {these}|put {these} to the check|verify {these}|{these} to the check]{after}."
    return capital(phrase(rng, pattern)) if rng.random() < 0.5 else ""


def _confirmed(rng: random.Random, seen: Observation, last: Deduction) -> str:
    """What the check said, and where that leads."""
    pattern = (
        "[{seen}|the check says {seen}|confirmed, {seen}|{seen}, so {text}|{seen}; {text} stands|as thought, {text}]."
    )
    return capital(phrase(rng, pattern, seen=seen.content, text=last.text))
