"""Sliding windows score every token once; batches and padding change nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from components.evaluation.checkpoint import Checkpoint
from components.evaluation.scoring import Continuation, ScoringRow, score_continuations, score_rows, sliding_rows


@given(
    length=st.integers(2, 300),
    context=st.integers(4, 80),
    overlap_share=st.floats(0.05, 0.9),
    first_share=st.floats(0, 1),
)
def test_every_token_is_scored_once_with_enough_before_it(
    length: int, context: int, overlap_share: float, first_share: float
) -> None:
    overlap = max(1, int(overlap_share * context) - 1)
    first_target = 1 + int(first_share * (length - 2))
    rows = sliding_rows(np.arange(length), context_tokens=context, overlap_tokens=overlap, first_target=first_target)
    scored = [int(token) for row in rows for token in row.ids[row.first_target :]]
    assert scored == list(range(first_target, length))
    assert all(len(row.ids) <= context for row in rows)
    assert all(row.first_target >= min(overlap, int(row.ids[row.first_target])) for row in rows[1:])


def test_scores_are_those_of_a_plain_forward_pass(checkpoint: Checkpoint) -> None:
    generator = np.random.default_rng(0)
    model = checkpoint.model
    rows = [
        ScoringRow(ids=generator.integers(0, model.config.vocab_size, size=length), first_target=first)
        for length, first in ((5, 1), (90, 60), (2, 1), (33, 33), (64, 1), (17, 16))
    ]
    for batch_tokens in (1, 100, 8192):
        for row, scored in zip(rows, score_rows(model, rows, batch_tokens=batch_tokens), strict=True):
            with torch.no_grad():
                logits_LV = model(torch.tensor(row.ids)[None])[0].double()
            expected = torch.log_softmax(logits_LV, dim=1)[
                torch.arange(row.first_target - 1, len(row.ids) - 1), torch.tensor(row.ids[row.first_target :])
            ]
            assert scored.log_probabilities == pytest.approx(expected.numpy(), abs=1e-4)
            likeliest = logits_LV.argmax(dim=1)[row.first_target - 1 : -1].numpy() == row.ids[row.first_target :]
            assert (scored.greedy == likeliest).all()


@settings(max_examples=20, deadline=None)
@given(
    length=st.integers(1, 60),
    places=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 12)), min_size=1, max_size=8),
    seed=st.integers(0, 2**32 - 1),
)
def test_continuations_score_as_whole_rows_do(
    checkpoint: Checkpoint, length: int, places: list[tuple[float, int]], seed: int
) -> None:
    """Whatever stands before or after them in the list, and where two follow one place."""
    generator = np.random.default_rng(seed)
    vocabulary = checkpoint.model.config.vocab_size
    ids = generator.integers(0, vocabulary, size=length)
    asked = [
        Continuation(after=max(1, round(share * length)), ids=generator.integers(0, vocabulary, size=size))
        for share, size in places
    ]
    rows = [ScoringRow(ids=np.concatenate([ids[: each.after], each.ids]), first_target=each.after) for each in asked]
    scored = score_continuations(checkpoint.model, ids, asked)
    for ours, plain in zip(scored, score_rows(checkpoint.model, rows), strict=True):
        assert ours == pytest.approx(plain.log_probabilities, abs=1e-4)
