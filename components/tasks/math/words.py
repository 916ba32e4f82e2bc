"""Words around what was executed: openings, plans, reflections. They hold no number that was not handed in."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from components.tasks.math.derivation import Derivation

_PLUS_MINUS = re.compile(r"\+ -(\d)")
_UNIT_FACTOR = re.compile(r"(?<![\d.])1([xy]\b)")


def asked_prompt(rng: random.Random, derivation: Derivation) -> str:
    return problem_text(rng.choice(derivation.schema.prompts), derivation.givens)


def problem_text(phrasing: str, givens: dict[str, int]) -> str:
    """A phrasing with its numbers: `+ -3` reads `- 3`, `1x` reads `x`."""
    return _UNIT_FACTOR.sub(r"\1", _PLUS_MINUS.sub(r"- \1", phrasing.format(**givens)))


def opening(rng: random.Random, analyses: Sequence[str], goals: Sequence[str]) -> tuple[str, str]:
    """Analysis and plan of a first turn: a plan of all goals, of the first alone, or none."""
    length = rng.random()
    if not goals:
        plan = rng.choice(("Work it out and check at once.", "One check with the whole expression."))
    elif length < 0.4:
        plan = f"Find {', then '.join(goals)}; then check."
    else:
        plan = f"First {goals[0]}."
    return rng.choice(analyses), "" if length > 0.8 else plan


def next_plan(rng: random.Random, goal: str) -> str:
    """The plan of a later turn, or none."""
    return rng.choice(("Now {}.", "Next: {}.", "Find {}.", "")).format(goal)


def told(rng: random.Random, goal: str, value: str) -> str:
    """What came back, under the name of what was looked for."""
    return rng.choice(("{1} is {0}.", "So {2} is {0}.", "We get {0} for {2}.")).format(value, capital(goal), goal)


def capital(text: str) -> str:
    """A sentence's start; a symbol like x stays as it is."""
    return text if len(text) == 1 else text[:1].upper() + text[1:]
