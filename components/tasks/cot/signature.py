"""What a problem is, whatever its names and their order: the key by which it belongs to a split for good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from components.core.lineage import sha256_json

_ROUNDS = 3


def signature(facts: Sequence[Sequence[Any]], symbols: Iterable[str]) -> str:
    """A hash of `facts` ([kind, argument, ...]) that renaming the symbols or listing facts otherwise never changes.

    Colour refinement (Weisfeiler and Leman, 1968): each symbol's colour gathers the facts it stands in, its place in
    them and the colours beside it. Two different problems may share a hash, which only puts them into one split.
    """
    colours = dict.fromkeys(symbols, "")
    for _ in range(_ROUNDS):
        seen: defaultdict[str, list[Any]] = defaultdict(list)
        for fact in facts:
            coloured = _coloured(fact, colours)
            for place, argument in enumerate(fact):
                if argument in colours:
                    seen[argument].append([place, coloured])
        colours = {name: sha256_json([colours[name], sorted(seen[name])])[:16] for name in colours}
    return sha256_json(sorted(_coloured(fact, colours) for fact in facts))


def _coloured(fact: Sequence[Any], colours: dict[str, str]) -> list[str]:
    return [f"#{colours[argument]}" if argument in colours else str(argument) for argument in fact]
