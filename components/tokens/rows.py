"""Documents to rows of fixed length: best-fit packing.

A row holds whole documents side by side; attention and positions stop at their borders, so which documents share a
row does not matter to the model, only how little of the row stays empty. Documents are placed in order of falling
length, each into the fullest row that still has room.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class TokenDocument:
    """One document's ids, uint32 (N,), N >= 1, with its BOS and EOS. `weights`: float16 (N,), loss weight of each
    token as a target; None means uniform. A document that must not be cut is dropped where it is longer than a row."""

    ids: np.ndarray
    weights: np.ndarray | None = None
    cut_allowed: bool = True


@dataclass(frozen=True, kw_only=True)
class Row:
    """Documents side by side. `ids` uint32 (T,) with T <= row length: padding is not stored here. `ends` holds the
    position after each document's last token. `bytes` is the text its tokens stand for, where it was counted."""

    ids: np.ndarray
    ends: tuple[int, ...]
    weights: np.ndarray | None
    bytes: int | None


@dataclass(frozen=True, kw_only=True)
class PackResult:
    """Rows and what became of the documents."""

    row_tokens: int
    rows: tuple[Row, ...]
    documents: int
    tokens: int
    cut_documents: int
    dropped_documents: int
    dropped_tokens: int

    @property
    def efficiency(self) -> float:
        """Share of the rows' positions that hold a token."""
        return self.tokens / (len(self.rows) * self.row_tokens) if self.rows else 1.0


def pack(documents: Iterable[TokenDocument], row_tokens: int, byte_lengths: np.ndarray | None = None) -> PackResult:
    """Pack documents into rows of `row_tokens`.

    A longer document is cut into rows (the rest is packed like a document) or, without `cut_allowed`, dropped and
    counted. `byte_lengths` (vocab,) are the tokenizer's; with them every row knows its bytes of text.
    """
    pieces: list[tuple[np.ndarray, np.ndarray | None]] = []
    kept = cut = dropped = dropped_tokens = 0
    for document in documents:
        length = len(document.ids)
        assert length > 0, "a document has at least one token"
        assert document.weights is None or len(document.weights) == length, "one weight per token"
        if length > row_tokens and not document.cut_allowed:
            dropped += 1
            dropped_tokens += length
            continue
        kept += 1
        cut += length > row_tokens
        for start in range(0, length, row_tokens):
            stop = start + row_tokens
            weights = None if document.weights is None else document.weights[start:stop]
            pieces.append((document.ids[start:stop], weights))
    weighted = any(weights is not None for _, weights in pieces)
    rows = tuple(
        _build_row([pieces[number] for number in group], weighted, byte_lengths)
        for group in best_fit([len(ids) for ids, _ in pieces], row_tokens)
    )
    return PackResult(
        row_tokens=row_tokens,
        rows=rows,
        documents=kept,
        tokens=sum(len(ids) for ids, _ in pieces),
        cut_documents=cut,
        dropped_documents=dropped,
        dropped_tokens=dropped_tokens,
    )


def best_fit(lengths: list[int], capacity: int) -> list[list[int]]:
    """Group item numbers so that no group's lengths sum beyond `capacity`; best fit, longest first, ties by number.

    Open groups stand in buckets by the room they have left. The buckets that are not empty are the bits of one
    integer, so the tightest fit is its lowest set bit at or above the item's length.
    """
    groups: list[list[int]] = []
    buckets: list[list[int]] = [[] for _ in range(capacity + 1)]
    occupied = 0
    for item in sorted(range(len(lengths)), key=lambda number: (-lengths[number], number)):
        length = lengths[item]
        fitting = occupied >> length
        if fitting:
            room = length + (fitting & -fitting).bit_length() - 1
            group = buckets[room].pop()
            if not buckets[room]:
                occupied ^= 1 << room
        else:
            room, group = capacity, len(groups)
            groups.append([])
        groups[group].append(item)
        room -= length
        if room:
            buckets[room].append(group)
            occupied |= 1 << room
    return groups


def _build_row(
    pieces: list[tuple[np.ndarray, np.ndarray | None]], weighted: bool, byte_lengths: np.ndarray | None
) -> Row:
    ids = np.concatenate([ids for ids, _ in pieces]).astype(np.uint32, copy=False)
    weights = None
    if weighted:
        parts = [np.ones(len(ids), np.float16) if given is None else given for ids, given in pieces]
        weights = np.concatenate(parts).astype(np.float16, copy=False)
    return Row(
        ids=ids,
        ends=tuple(np.cumsum([len(ids) for ids, _ in pieces]).tolist()),
        weights=weights,
        bytes=None if byte_lengths is None else int(byte_lengths[ids].sum()),
    )
