"""Did training see what it is examined on? Searched in the very tokens it was trained on.

The corpus is cleared of benchmark items by their words, long before; this looks again from the other end, at the rows
a checkpoint really took, by token ids. A hit is WINDOW_TOKENS tokens in a row that an item shares with training text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.evaluation.bits_per_byte import HeldOutDocument
from components.evaluation.task_items import read_texts
from components.tokenizer import TextTokenizer

WINDOW_TOKENS = 24  # about the 13 words that benchmarks are commonly cleared by, at a small vocabulary
_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying loses nothing; products wrap at 2**64


def find_contaminated(
    seen: Sequence[np.ndarray],
    tasks: Sequence[str],
    limit: int,
    held_out: Sequence[HeldOutDocument],
    tokenizer: TextTokenizer,
) -> dict[str, Any]:
    """What the tasks' items and the held-out text share with the documents trained on.

    Held-out text is reported and not judged: legal notices and set phrases recur in documents that are no copies.
    """
    # All documents in one array: the few windows that reach from one into the next can only add false alarms.
    known = np.unique(_windows(np.concatenate([np.zeros(0, dtype=np.int64), *seen])))
    names, windows = [], []
    for name, text in read_texts(tasks, limit):
        # Without neighbours the first and the last token may be cut differently than inside a document.
        found = _windows(np.array(tokenizer.encode(text)[1:-1], dtype=np.int64))
        if len(found):
            names.append(name)
            windows.append(found)
    shared: dict[str, list[int]] = {}
    for document in held_out:
        found = _windows(document.ids[1:])
        hits, total = shared.setdefault(document.domain, [0, 0])
        shared[document.domain] = [hits + int(_among(found, known).sum()), total + len(found)]
    return {
        "window_tokens": WINDOW_TOKENS,
        "trained_tokens": sum(len(ids) for ids in seen),
        "items": len(names),
        "contaminated": [name for name, found in zip(names, windows, strict=True) if _among(found, known).any()],
        "held_out_shared": _shares(shared),
    }


def _windows(ids: np.ndarray) -> np.ndarray:
    """A 64-bit hash of every WINDOW_TOKENS tokens in a row, shape (len(ids) - WINDOW_TOKENS + 1,) or empty."""
    count = len(ids) - WINDOW_TOKENS + 1
    if count <= 0:
        return np.zeros(0, dtype=np.uint64)
    mixed = (ids.astype(np.uint64) + np.uint64(1)) * _BASE
    mixed ^= mixed >> np.uint64(29)
    hashed = np.zeros(count, dtype=np.uint64)
    for offset in range(WINDOW_TOKENS):
        hashed = hashed * _BASE + mixed[offset : offset + count]
    return hashed


def _among(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which hashes stand in the sorted `known`."""
    if not len(known):
        return np.zeros(len(wanted), dtype=bool)
    found: np.ndarray = known[np.minimum(np.searchsorted(known, wanted), len(known) - 1)] == wanted
    return found


def _shares(counts: Mapping[str, Sequence[int]]) -> dict[str, float]:
    return {domain: round(hits / total, 6) if total else 0.0 for domain, (hits, total) in counts.items()}
