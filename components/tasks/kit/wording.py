"""Wording: many ways to say one thing, with slots for the values of the episode."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

_SLOT = re.compile(r"\[([^\[\]]*)\]")


def phrase(rng: random.Random, pattern: str, **slots: object) -> str:
    """One of the sentences of a pattern: `[a|b|]` chooses, innermost first, `{name}` is a slot.

    >>> phrase(random.Random(0), "[So|So|So] {task} ends at {end}.", task="dig", end=3)
    'So dig ends at 3.'
    """
    while "[" in pattern:
        pattern = _SLOT.sub(lambda match: rng.choice(match[1].split("|")), pattern)
    return " ".join(pattern.split()).format(**slots)


def listed(names: Sequence[str], joint: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {joint} {names[-1]}"


def capital(text: str) -> str:
    """A sentence's start; a symbol like x stays as it is."""
    return text if len(text) == 1 else text[:1].upper() + text[1:]


_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def in_words(count: int) -> str:
    """A small number in letters; a larger one is many."""
    return _NUMBERS[count] if count < len(_NUMBERS) else "many"
