"""Counting baselines: what bits per byte simple statistics reach on the very tokens a checkpoint has seen.

`NGramModel` is interpolated modified Kneser-Ney (Chen and Goodman 1998, section 3), the strongest counting model of
its order, interpolated down to the uniform distribution so that every token has a probability and they sum to one.
An order of one is the unigram model. Sequences are documents or pieces of them; no n-gram crosses from one to the next.

Shapes: N queries or tokens, C = order - 1 context tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ABSENT = -1  # in a context: no token there, the document has just begun
_FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)  # KenLM's, for counts too few to estimate from


@dataclass(frozen=True, kw_only=True)
class _Level:
    """All k-grams of one length k, with what a query needs of them."""

    keys: np.ndarray  # (grams,) int64, sorted: id of the first k-1 tokens * vocab_size + the last token
    discounted: np.ndarray  # (grams + 1,) float64: discounted count over its context's count; last, at ABSENT: 0
    backoff: np.ndarray  # (contexts + 1,) float64: mass a context leaves to the level below; last, at ABSENT: 1


class NGramModel:
    """An n-gram model of token ids, trained once from sequences held in memory."""

    def __init__(self, sequences: Sequence[np.ndarray], *, order: int, vocab_size: int, bos_id: int) -> None:
        """Count `sequences` (each (length,) ids below `vocab_size`); takes about 2 s per million tokens at order 5."""
        assert order >= 1
        self.order, self.vocab_size = order, vocab_size
        tokens, index_in_sequence = _concatenate(sequences)
        assert tokens.size == 0 or (tokens.min() >= 0 and tokens.max() < vocab_size)
        assert tokens.size < np.iinfo(np.int64).max // vocab_size
        self.trained_tokens = int(tokens.size)
        self._levels = _build(tokens, index_in_sequence, order, vocab_size, bos_id)

    def log2_probabilities(self, contexts_NC: np.ndarray, targets_N: np.ndarray) -> np.ndarray:
        """Log2-probability (N,) of each target after its context: at most order-1 tokens, right-aligned.

        Positions before the document's first token hold ABSENT; a narrower context array means the same.
        """
        queries, width = contexts_NC.shape
        probability = np.full(queries, 1 / self.vocab_size)
        context = np.zeros(queries, dtype=np.int64)  # id of the empty context
        for length, level in enumerate(self._levels):  # `length` context tokens precede the target
            if length:
                if length > width:
                    break
                context = self._find_context(contexts_NC[:, width - length :])
            gram = _find(level.keys, context * self.vocab_size + targets_N, context >= 0)
            probability = level.discounted[gram] + level.backoff[context] * probability
        return np.log2(probability)

    def score(self, tokens: np.ndarray) -> np.ndarray:
        """Log2-probability of every token of one document but its first (the begin token), shape (length - 1,)."""
        width = self.order - 1
        padded = np.concatenate([np.full(width, ABSENT, dtype=np.int64), tokens.astype(np.int64)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, width + 1)[1:]
        return self.log2_probabilities(windows[:, :width], windows[:, width])

    def _find_context(self, context_NK: np.ndarray) -> np.ndarray:
        """Id of each row among the k-grams; ABSENT where it never occurred or reaches before the document."""
        found = np.zeros(len(context_NK), dtype=np.int64)
        for level, tokens in zip(self._levels, context_NK.T, strict=False):
            found = _find(level.keys, found * self.vocab_size + tokens, (found >= 0) & (tokens >= 0))
        return found


def _concatenate(sequences: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All tokens in one array (int64), and each one's index within its sequence."""
    if not sequences:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    tokens = np.concatenate(sequences).astype(np.int64)
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return tokens, np.arange(len(tokens)) - starts


def _build(tokens: np.ndarray, index_in_sequence: np.ndarray, order: int, vocab_size: int, bos_id: int) -> list[_Level]:
    """Count k-grams of every length, then turn counts into discounted shares and back-off masses."""
    keys_of, suffixes_of, raw_of, first_token_of = [], [], [], []
    shorter = np.zeros(len(tokens), dtype=np.int64)  # id of the (k-1)-gram ending at each token
    ends = np.arange(len(tokens))
    for length in range(1, order + 1):
        ends = ends[index_in_sequence[ends] >= length - 1]
        prefix = shorter[ends - 1] if length > 1 else np.zeros(len(ends), dtype=np.int64)
        keys, first, inverse, occurrences = np.unique(
            prefix * vocab_size + tokens[ends], return_index=True, return_inverse=True, return_counts=True
        )
        keys_of.append(keys)
        suffixes_of.append(shorter[ends[first]])
        first_token_of.append(tokens[ends[first] - (length - 1)])
        raw_of.append(occurrences.astype(np.float64))
        shorter = np.full(len(tokens), ABSENT, dtype=np.int64)
        shorter[ends] = inverse

    levels = []
    for length in range(1, order + 1):
        counts: np.ndarray = raw_of[length - 1]
        if length < order:
            # A lower order speaks where the higher one knows nothing, so what counts there is after how many different
            # tokens a gram was seen. One that begins a document has none before it: its plain count stands.
            extended = np.bincount(suffixes_of[length], minlength=len(counts)).astype(np.float64)
            counts = np.where(first_token_of[length - 1] == bos_id, counts, np.maximum(extended, 1.0))
        if length == 1:
            counts = np.where(keys_of[0] == bos_id, 0.0, counts)  # given, never predicted: it must not cost any mass
        contexts = len(keys_of[length - 2]) if length > 1 else 1
        levels.append(_discount(keys_of[length - 1], counts, contexts, vocab_size))
    return levels


def _discount(keys: np.ndarray, counts: np.ndarray, contexts: int, vocab_size: int) -> _Level:
    """Take modified Kneser-Ney's discount from each count; the mass taken goes to the level below."""
    by_size = np.concatenate([[0.0], _discounts(counts)])
    taken = by_size[np.minimum(counts, 3).astype(np.int64)]
    context = keys // vocab_size
    total = np.bincount(context, weights=counts, minlength=contexts)
    left_over = np.bincount(context, weights=taken, minlength=contexts)
    never_extended = total == 0
    backoff = np.where(never_extended, 1.0, left_over / np.where(never_extended, 1.0, total))
    discounted = (counts - taken) / total[context]
    return _Level(keys=keys, discounted=np.append(discounted, 0.0), backoff=np.append(backoff, 1.0))


def _discounts(counts: np.ndarray) -> np.ndarray:
    """Discounts of counts 1, 2 and 3 or more (Chen and Goodman 1998, equation 26), from how many counts are 1 to 4."""
    n1, n2, n3, n4 = (float(np.count_nonzero(counts == size)) for size in (1, 2, 3, 4))
    if min(n1, n2, n3, n4) == 0:
        return np.array(_FALLBACK_DISCOUNTS)
    scale = n1 / (n1 + 2 * n2)
    estimated = np.array([1 - 2 * scale * n2 / n1, 2 - 3 * scale * n3 / n2, 3 - 4 * scale * n4 / n3])
    inside = (estimated > 0) & (estimated <= np.array([1, 2, 3]))
    return np.where(inside, estimated, _FALLBACK_DISCOUNTS)


def _find(keys: np.ndarray, wanted: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Index of each wanted key in the sorted `keys`; ABSENT where it is not there or not `valid`."""
    if keys.size == 0:
        return np.full(len(wanted), ABSENT, dtype=np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(valid & (keys[place] == wanted), place, ABSENT)
