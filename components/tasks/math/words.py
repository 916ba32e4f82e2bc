"""Words that all families of mathematics share. They hold no number that was not handed in."""

from __future__ import annotations

import random
import re

from components.agent.environment import Observation
from components.tasks.kit.wording import capital, phrase
from components.tasks.math.derivation import Derivation

_PLUS_MINUS = re.compile(r"\+ -(\d)")
_UNIT_FACTOR = re.compile(r"(?<![\d.])1([xy]\b)")


def asked_prompt(rng: random.Random, derivation: Derivation) -> str:
    return problem_text(rng.choice(derivation.schema.prompts), derivation.givens)


def problem_text(phrasing: str, givens: dict[str, int]) -> str:
    """A phrasing with its numbers: `+ -3` reads `- 3`, `1x` reads `x`."""
    return _UNIT_FACTOR.sub(r"\1", _PLUS_MINUS.sub(r"- \1", phrasing.format(**givens)))


def describe(rng: random.Random, goal: str, value: str) -> str:
    """What came back, under the name of what was looked for."""
    return phrase(
        rng, "[{start} is {value}.|So {goal} is {value}.|We get {value} for {goal}.]",
        start=capital(goal), goal=goal, value=value,
    )  # fmt: skip


def correction(seen: Observation, lesson: str) -> str:
    """What contradicted a wrong step, and what it teaches."""
    return f"{capital(seen.content)}. {lesson}."
