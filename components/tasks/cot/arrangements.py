"""Arrangements of people in places, one to one; sets of them as bit masks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache

Mask = int
_ATOMS: dict[str, Callable[[Sequence[int], int, int], bool]] = {
    "=": lambda places, one, other: places[one] == other,
    "!=": lambda places, one, other: places[one] != other,
    "<": lambda places, one, other: places[one] < places[other],
    "next": lambda places, one, other: places[other] - places[one] == 1,
    "apart": lambda places, one, other: abs(places[one] - places[other]) > 1,
}


@lru_cache(maxsize=8)
def arrangements(size: int) -> tuple[tuple[int, ...], ...]:
    """Every arrangement: the place of each person."""
    return tuple(itertools.permutations(range(size)))


@lru_cache(maxsize=4096)
def atom(size: int, kind: str, one: int, other: int) -> Mask:
    """Arrangements in which person `one` stands at place `other` (=), not there (!=), before person `other` (<)."""
    return sum(1 << at for at, places in enumerate(arrangements(size)) if _ATOMS[kind](places, one, other))
