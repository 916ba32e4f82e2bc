"""Targets never cross a document's border, and the loader's whole state is the step number."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training_workspace import ROW_TOKENS

from components.tokens import Sample, TrainingOrder
from components.tokens.order import build_sample
from components.training.data import StepBatches, collate


@st.composite
def rows(draw: st.DrawFn) -> Sample:
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    padding = draw(st.integers(0, 5))
    used = sum(lengths)
    ids = np.zeros(24 + 5, dtype=np.uint32)
    ids[:used] = draw(st.lists(st.integers(1, 99), min_size=used, max_size=used))
    weights = np.zeros(len(ids), dtype=np.float16)
    weights[:used] = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=used, max_size=used))
    length = used + padding
    return build_sample(ids[:length], np.cumsum(lengths), weights[:length], domain="agent", row=0)


@given(rows(), st.booleans())
def test_targets_are_the_next_token_of_the_same_document(sample: Sample, uniform: bool) -> None:
    batch = collate([sample], uniform=uniform)
    for place, (target, weight) in enumerate(
        zip(batch.targets_BL[0].tolist(), batch.weights_BL[0].tolist(), strict=True)
    ):
        after = place + 1
        follows = after < len(sample.ids) and 0 <= sample.document_ids[after] == sample.document_ids[place]
        if not follows:
            assert weight == 0
            continue
        assert target == sample.ids[after]
        assert weight == (1 if uniform else sample.weights[after])


def order() -> TrainingOrder:
    return TrainingOrder([Path("data/tokens")], {"general": 0.5, "code": 0.5}, ROW_TOKENS[0], 5)


def batches(world_size: int, rank: int, first_step: int = 0) -> StepBatches:
    return StepBatches(
        order=order(), batch_rows=4, uniform=True, first_step=first_step, rank=rank, world_size=world_size
    )


@pytest.mark.parametrize("world_size", [2, 4])
def test_ranks_share_the_rows_that_one_device_sees(workspace: Path, world_size: int) -> None:
    alone = [batch.rows for batch in islice(batches(1, 0), 6)]
    shared = [list(islice(batches(world_size, rank), 6)) for rank in range(world_size)]
    for step, rows_of_step in enumerate(alone):
        interleaved = [rank[step].rows for rank in shared]
        assert [row for group in zip(*interleaved, strict=True) for row in group] == list(rows_of_step)


def test_a_later_first_step_goes_on_where_the_earlier_left_off(workspace: Path) -> None:
    whole = list(islice(batches(1, 0), 9))
    rest = list(islice(batches(1, 0, first_step=5), 4))
    for ours, theirs in zip(whole[5:], rest, strict=True):
        assert ours.rows == theirs.rows
        assert torch.equal(ours.ids_BL, theirs.ids_BL)


def test_micro_batches_are_the_batch_cut_by_rows(workspace: Path) -> None:
    batch = next(iter(batches(1, 0)))
    pieces = batch.split(3)
    assert [len(piece.rows) for piece in pieces] == [3, 1]
    assert torch.equal(torch.cat([piece.targets_BL for piece in pieces]), batch.targets_BL)
    assert [row for piece in pieces for row in piece.rows] == list(batch.rows)
