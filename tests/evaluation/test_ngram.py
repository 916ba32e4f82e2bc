"""The counting baselines: proper probabilities, and the same ones as an independent Kneser-Ney."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.evaluation.ngram import ABSENT, NGramModel

VOCAB = 9
BOS = 0
sequences = st.lists(
    st.tuples(st.booleans(), st.lists(st.integers(1, VOCAB - 2), min_size=1, max_size=12)), max_size=12
).map(lambda pieces: [np.array([BOS, *ids] if whole else ids) for whole, ids in pieces])


@given(
    pieces=sequences,
    order=st.integers(1, 5),
    context=st.lists(st.integers(0, VOCAB - 1), max_size=4),
)
@settings(max_examples=200, deadline=None)
def test_probabilities_sum_to_one_after_any_context(pieces: list[np.ndarray], order: int, context: list[int]) -> None:
    model = NGramModel(pieces, order=order, vocab_size=VOCAB, bos_id=BOS)
    width = order - 1
    row = ([ABSENT] * width + context)[-width:] if width else []
    contexts = np.tile(np.array(row, dtype=np.int64), (VOCAB, 1))
    logs = model.log2_probabilities(contexts, np.arange(VOCAB))
    assert np.isfinite(logs).all()
    assert np.exp2(logs).sum() == pytest.approx(1.0, abs=1e-9)


class ReferenceKneserNey:
    """Interpolated modified Kneser-Ney straight from its definition, with dictionaries and recursion."""

    def __init__(self, pieces: list[list[int]], order: int) -> None:
        self.order = order
        self.counts: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(order + 1)]
        for length in range(1, order + 1):
            for piece in pieces:
                for end in range(length, len(piece) + 1):
                    self.counts[length][tuple(piece[end - length : end])] += 1
        raw = [Counter(counts) for counts in self.counts]
        for length in range(1, order):
            before: dict[tuple[int, ...], set[int]] = defaultdict(set)
            for gram in raw[length + 1]:
                before[gram[1:]].add(gram[0])
            for gram in raw[length]:
                if gram[0] != BOS:
                    self.counts[length][gram] = max(1, len(before[gram]))
        del self.counts[1][(BOS,)]
        self.discounts = [(), *(self._estimate(list(counts.values())) for counts in self.counts[1:])]

    @staticmethod
    def _estimate(counts: list[int]) -> tuple[float, float, float]:
        n1, n2, n3, n4 = (counts.count(size) for size in (1, 2, 3, 4))
        fallback = (0.5, 1.0, 1.5)
        if 0 in (n1, n2, n3, n4):
            return fallback
        y = n1 / (n1 + 2 * n2)
        found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        return tuple(value if 0 < value <= size else fallback[size - 1] for size, value in enumerate(found, 1))  # type: ignore[return-value]

    def probability(self, context: tuple[int, ...], token: int) -> float:
        context = context[-(self.order - 1) :] if self.order > 1 else ()
        length = len(context) + 1
        shorter = self.probability(context[1:], token) if context else 1 / VOCAB
        after = {gram[-1]: count for gram, count in self.counts[length].items() if gram[:-1] == context}
        total = sum(after.values())
        if not total:
            return shorter
        discount = self.discounts[length]
        taken = sum(discount[min(count, 3) - 1] for count in after.values())
        count = after.get(token, 0)
        seen = count - discount[min(count, 3) - 1] if count else 0.0
        return seen / total + taken / total * shorter


def test_equals_an_independent_kneser_ney() -> None:
    generator = np.random.default_rng(3)
    # A skewed source, so that counts of every size from 1 to 4 occur and discounts are really estimated.
    weights = 1 / np.arange(1, VOCAB - 1)
    pieces = [[BOS, *generator.choice(np.arange(1, VOCAB - 1), size=12, p=weights / weights.sum())] for _ in range(40)]
    pieces += [list(generator.integers(1, VOCAB - 1, size=7)) for _ in range(5)]  # pieces cut out of a document
    for order in (1, 2, 3, 5):
        model = NGramModel([np.array(piece) for piece in pieces], order=order, vocab_size=VOCAB, bos_id=BOS)
        reference = ReferenceKneserNey([[int(token) for token in piece] for piece in pieces], order)
        document = [BOS, *(int(token) for token in generator.integers(1, VOCAB, size=30))]
        expected = [
            math.log2(reference.probability(tuple(document[:place]), document[place]))
            for place in range(1, len(document))
        ]
        assert model.score(np.array(document)) == pytest.approx(expected, abs=1e-9), order


def test_nothing_learned_is_the_uniform_distribution() -> None:
    model = NGramModel([], order=5, vocab_size=16, bos_id=BOS)
    assert model.score(np.array([0, 3, 9])) == pytest.approx([-4.0, -4.0])


def test_longer_contexts_predict_a_repeating_text_better() -> None:
    period = np.array([1, 2, 1, 3, 1, 2, 4])
    pieces = [np.concatenate([[BOS], np.tile(period, 20)])]
    bits = [
        -NGramModel(pieces, order=order, vocab_size=VOCAB, bos_id=BOS).score(pieces[0]).mean() for order in (1, 2, 3, 5)
    ]
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] < 0.3 < bits[0]


def test_no_ngram_crosses_from_one_document_to_the_next() -> None:
    joined = NGramModel([np.array([BOS, 1, 2, 3, 4])], order=3, vocab_size=VOCAB, bos_id=BOS)
    apart = NGramModel([np.array([BOS, 1, 2]), np.array([3, 4])], order=3, vocab_size=VOCAB, bos_id=BOS)
    after_two = np.array([[1, 2]])
    assert joined.log2_probabilities(after_two, np.array([3])) > apart.log2_probabilities(after_two, np.array([3]))
