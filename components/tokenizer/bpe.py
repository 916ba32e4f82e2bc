"""Byte-pair encoding learned in stages: each stage goes on from the merges of those before it, on other text.

Hugging Face's `BpeTrainer` always starts from bytes, so it cannot continue. This learner keeps all distinct pieces of
a stage in one flat array of symbols with links to the left and right neighbour; a merge rewrites all places of its
pair at once (numpy), and a heap with lazily corrected counts finds the next pair. Order of merges and ties are those
of `BpeTrainer` (highest count, then smallest ids), so one stage alone learns the same merges.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

Merge = tuple[str, str]

_EDGE = -1  # symbol between two pieces
_SHIFT = 32  # a pair (left, right) is keyed as left << 32 | right


@dataclass(kw_only=True)
class MergeList:
    """Tokens in id order and the merges that build them. Two merges may build the same token."""

    tokens: list[str]
    merges: list[Merge] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ids = {token: number for number, token in enumerate(self.tokens)}

    def add(self, left: int, right: int) -> int:
        """Record a merge and return the id of the token it builds."""
        self.merges.append((self.tokens[left], self.tokens[right]))
        built = self.tokens[left] + self.tokens[right]
        if built not in self.ids:
            self.ids[built] = len(self.tokens)
            self.tokens.append(built)
        return self.ids[built]


class _Pieces:
    """The distinct pieces of one stage as linked symbols, with the count and the places of every adjacent pair."""

    def __init__(self, counts: Mapping[str, int], ids: Mapping[str, int]) -> None:
        pieces = sorted(counts)  # the outcome must not depend on the order documents were read in
        lengths = np.array([len(piece) + 1 for piece in pieces], dtype=np.int64)
        flat = [symbol for piece in pieces for symbol in (*(ids[char] for char in piece), _EDGE)]
        # An edge before the first piece: every symbol has two neighbours.
        self.symbols = np.array([_EDGE, *flat], dtype=np.int64)
        self.repeats = np.concatenate(([0], np.repeat(np.array([counts[piece] for piece in pieces]), lengths)))
        self.next = np.arange(1, len(self.symbols) + 1)
        self.previous = np.arange(-1, len(self.symbols) - 1)
        self._merged_in = np.zeros(len(self.symbols), dtype=np.int64)
        self._round = 0
        self.counts: dict[int, int] = {}
        self.places: dict[int, list[np.ndarray]] = {}
        lefts = np.flatnonzero((self.symbols[:-1] != _EDGE) & (self.symbols[1:] != _EDGE))
        self._change(lefts, +1)

    def merge(self, left: int, right: int, built: int) -> set[int]:
        """Replace every (left, right) by `built`; returns the keys of pairs that became more frequent."""
        key = left << _SHIFT | right
        self.counts.pop(key, None)
        if key not in self.places:
            return set()
        at = np.unique(np.concatenate(self.places.pop(key)))
        after = self.next[at]
        # Places are never taken off the lists: drop those an earlier merge has changed.
        alive = (self.symbols[at] == left) & (self.symbols[after] == right)
        at, after = at[alive], after[alive]
        if left == right and len(at):  # in a run like "aaa" the first two merge, then the next two
            starts = np.concatenate(([True], after[:-1] != at[1:]))
            index = np.arange(len(at))
            even = (index - np.maximum.accumulate(np.where(starts, index, 0))) % 2 == 0
            at, after = at[even], after[even]
        if not len(at):
            return set()
        self._round += 1
        self._merged_in[at] = self._round
        before, beyond = self.previous[at], self.next[after]
        self._change(before[self.symbols[before] != _EDGE], -1)
        # Where the right neighbour is itself a place, the pair between was taken off with that place's left one.
        lone = (self.symbols[beyond] != _EDGE) & (self._merged_in[beyond] != self._round)
        self._change(after[lone], -1)
        self.counts.pop(key, None)  # overlapping places of a doubled symbol were taken off as neighbours
        self.symbols[at] = built
        self.symbols[after] = _EDGE - 1  # gone
        self.next[at], self.previous[beyond] = beyond, at
        before = self.previous[at]
        risen = self._change(before[self.symbols[before] != _EDGE], +1)
        lone = (self.symbols[beyond] != _EDGE) & (self._merged_in[beyond] != self._round)
        return risen | self._change(at[lone], +1)

    def _change(self, lefts: np.ndarray, sign: int) -> set[int]:
        """Count the pairs that start at `lefts` in or out; returns their keys."""
        if not len(lefts):
            return set()
        keys = self.symbols[lefts] << _SHIFT | self.symbols[self.next[lefts]]
        order = np.argsort(keys, kind="stable")
        keys, lefts = keys[order], lefts[order]
        firsts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        changes = np.add.reduceat(self.repeats[lefts], firsts)
        bounds = [*firsts.tolist(), len(keys)]
        distinct = keys[firsts].tolist()
        for number, (key, change) in enumerate(zip(distinct, changes.tolist(), strict=True)):
            self.counts[key] = self.counts.get(key, 0) + sign * change
            if sign > 0:
                self.places.setdefault(key, []).append(lefts[bounds[number] : bounds[number + 1]])
        return set(distinct)


def continue_merges(known: MergeList, counts: Mapping[str, int], vocab_size: int, min_count: int = 2) -> None:
    """Learn merges on `counts` until `known` holds `vocab_size` tokens or no pair occurs `min_count` times.

    `counts` maps a piece (a string over the byte alphabet) to how often it occurs. The merges already known are
    applied to the pieces first. `known` is changed in place.
    """
    pieces = _Pieces(counts, known.ids)
    for first, second in known.merges:
        pieces.merge(known.ids[first], known.ids[second], known.ids[first + second])
    heap = _entries(pieces, pieces.counts)
    heapq.heapify(heap)
    while len(known.tokens) < vocab_size and heap:
        negative, key = heapq.heappop(heap)
        count = pieces.counts.get(key, 0)
        if count < min_count:
            continue
        if count != -negative:
            heapq.heappush(heap, (-count, key))
            continue
        left, right = key >> _SHIFT, key & (1 << _SHIFT) - 1
        for entry in _entries(pieces, pieces.merge(left, right, known.add(left, right))):
            heapq.heappush(heap, entry)


def _entries(pieces: _Pieces, keys: Iterable[int]) -> list[tuple[int, int]]:
    """Heap entries: highest count first, then the smallest ids."""
    return [(-pieces.counts[key], key) for key in keys if pieces.counts.get(key, 0) > 0]
