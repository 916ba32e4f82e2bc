"""Bounds for the published shape against an independent account of them (a spreadsheet of its matrices)."""

from __future__ import annotations

import pytest

from model import PRESETS
from model.roofline import (
    DEVICES,
    activation_bytes_per_token,
    decode_tokens_per_s,
    model_flops_utilisation,
    optimizer_bytes,
    training_tokens_per_s,
)

SHAPE, H100 = PRESETS["youtu_2b"], DEVICES["h100"]


@pytest.mark.parametrize(("tokens", "expected"), [(2048, 62_500), (8192, 50_500), (32_768, 28_600), (131_072, 10_500)])
def test_training(tokens: int, expected: float) -> None:
    assert training_tokens_per_s(SHAPE, H100, tokens) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("cached", "expected"), [(0, 765), (8192, 710), (32_768, 585), (131_072, 343)])
def test_decoding(cached: int, expected: float) -> None:
    assert decode_tokens_per_s(SHAPE, H100, cached) == pytest.approx(expected, rel=0.01)


def test_utilisation_is_the_share_of_the_data_sheet() -> None:
    at_the_bound = model_flops_utilisation(SHAPE, H100, 8192, training_tokens_per_s(SHAPE, H100, 8192))
    assert at_the_bound == pytest.approx(798 / 989)


def test_memory() -> None:
    assert optimizer_bytes(SHAPE) == pytest.approx(24.6e9, rel=0.01)
    assert activation_bytes_per_token(SHAPE, "all_but_attention") == pytest.approx(0.26e6, rel=0.02)
    assert activation_bytes_per_token(SHAPE, "pointwise") == pytest.approx(1.9e6, rel=0.02)
    with pytest.raises(ValueError, match="measure it"):
        activation_bytes_per_token(SHAPE, "nothing")
