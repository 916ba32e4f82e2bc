"""Packed documents: each behaves as if it were alone, and padding touches nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model import MLAConfig, MLATransformer
from model.packing import PADDING_ID, Packing

ROW_TOKENS = 24
rows_of_documents = st.lists(
    st.lists(st.integers(1, ROW_TOKENS), min_size=1, max_size=6).map(
        lambda lengths: [n for i, n in enumerate(lengths) if sum(lengths[: i + 1]) <= ROW_TOKENS]
    ),
    min_size=1,
    max_size=3,
)


def ids_of(rows: list[list[int]]) -> torch.Tensor:
    """Document ids counted from 0 in every row, the rest of a row padding."""
    document_ids = torch.full((len(rows), ROW_TOKENS), PADDING_ID)
    for row, lengths in enumerate(rows):
        start = 0
        for number, length in enumerate(lengths):
            document_ids[row, start : start + length] = number
            start += length
    return document_ids


@given(rows=rows_of_documents)
@settings(max_examples=60, deadline=None)
def test_packing_finds_runs_positions_and_the_mask(rows: list[list[int]]) -> None:
    document_ids = ids_of(rows)
    packing = Packing.of(document_ids)
    real = [length for length, is_real in zip(packing.lengths, packing.real, strict=True) if is_real]
    assert real == [length for lengths in rows for length in lengths]
    assert sum(packing.lengths) == document_ids.numel()
    mask = packing.mask_BLL()
    for row in range(len(rows)):
        for i in range(ROW_TOKENS):
            alone = int((document_ids[row, : i + 1] == document_ids[row, i]).sum())
            assert packing.positions_BL[row, i] == alone - 1
            sees = [document_ids[row, j] == document_ids[row, i] != PADDING_ID and j <= i for j in range(ROW_TOKENS)]
            assert mask[row, i].tolist() == [bool(seen) for seen in sees]


@given(rows=rows_of_documents, seed=st.integers(0, 2**16))
@settings(max_examples=25, deadline=None)
def test_padded_agrees_with_the_written_out_definition(
    tiny: MLAConfig, build: Callable[..., MLATransformer], rows: list[list[int]], seed: int
) -> None:
    padded, reference = build(tiny, seed, "padded"), build(tiny, seed, "reference")
    document_ids = ids_of(rows)
    ids = torch.randint(0, 97, document_ids.shape, generator=torch.Generator().manual_seed(seed))
    outputs = []
    for model in (padded, reference):
        logits = model(ids, document_ids_BL=document_ids)
        logits[document_ids != PADDING_ID].square().sum().backward()
        outputs.append((logits, [parameter.grad for parameter in model.parameters()]))
    (padded_logits, padded_grads), (logits, grads) = outputs
    assert padded_logits.isfinite().all() and logits.isfinite().all()
    torch.testing.assert_close(padded_logits, logits, rtol=1e-4, atol=1e-4)
    for found, expected in zip(padded_grads, grads, strict=True):
        assert found.isfinite().all()
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * max(1.0, float(expected.abs().max())))


@pytest.mark.parametrize("attention", ["padded", "reference"])
def test_changing_one_document_leaves_all_others_the_same_to_the_bit(
    tiny: MLAConfig, build: Callable[..., MLATransformer], attention: str
) -> None:
    model = build(tiny, 1, attention)
    document_ids = ids_of([[5, 9, 7], [24], [3, 3, 3, 3]])
    ids = torch.randint(0, 97, document_ids.shape, generator=torch.Generator().manual_seed(0))
    before = model(ids, document_ids_BL=document_ids)
    for row, number in ((0, 1), (2, 0), (2, 3), (0, PADDING_ID)):
        changed = (document_ids == number) & (torch.arange(3)[:, None] == row)
        after = model(torch.where(changed, (ids + 1) % 97, ids), document_ids_BL=document_ids)
        assert torch.equal(after[~changed], before[~changed])
        assert not torch.equal(after[changed], before[changed])


@pytest.mark.parametrize("attention", ["padded", "reference"])
def test_packed_equals_alone(tiny: MLAConfig, build: Callable[..., MLATransformer], attention: str) -> None:
    model = build(tiny, 2, attention)
    lengths = [1, 9, 13]
    document_ids = ids_of([lengths])
    ids = torch.randint(0, 97, document_ids.shape, generator=torch.Generator().manual_seed(0))
    packed = model(ids, document_ids_BL=document_ids)
    start = 0
    for length in lengths:
        piece = slice(start, start + length)
        torch.testing.assert_close(packed[:, piece], model(ids[:, piece]), rtol=1e-5, atol=1e-5)
        start += length


def test_a_row_of_only_padding_gives_finite_gradients(tiny: MLAConfig, build: Callable[..., MLATransformer]) -> None:
    for attention in ("padded", "reference"):
        model = build(tiny, 0, attention)
        model(torch.zeros(2, 8, dtype=torch.long), document_ids_BL=torch.full((2, 8), PADDING_ID)).sum().backward()
        assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_given_positions_override_offsets_and_theta_takes_effect(
    tiny: MLAConfig, build: Callable[..., MLATransformer]
) -> None:
    model = build(tiny)
    ids = torch.arange(3, 11)[None]
    plain = model(ids)
    torch.testing.assert_close(model(ids, positions_BL=torch.arange(50, 58)[None]), plain, rtol=1e-3, atol=1e-3)
    assert not torch.allclose(model(ids, positions_BL=2 * torch.arange(8)[None]), plain, atol=1e-3)
    model.config = replace(tiny, rope_theta=40_000.0)
    assert not torch.allclose(model(ids), plain, atol=1e-6)
