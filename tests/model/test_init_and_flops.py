from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from model import PRESETS, MLAConfig, MLATransformer
from model.cache import LatentCache
from model.flops import (
    cache_bytes_per_token,
    decode_flops_per_token,
    forward_flops_per_token,
    linear_flops_per_token,
    training_flops_per_token,
)
from model.init import deviation, initialise


def test_deviation_is_the_published_one() -> None:
    assert deviation(PRESETS["youtu_2b"]) == pytest.approx(0.01398, abs=1e-5)


def test_weights_have_the_stated_statistics() -> None:
    model = MLATransformer(PRESETS["nano"])
    initialise(model, 0)
    std = deviation(model.config)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:
            assert (parameter == 1).all(), name
            continue
        expected = 2 * std if name == "embed_tokens.weight" else std
        count = parameter.numel()
        assert abs(parameter.mean().item()) < 5 * expected / count**0.5, name
        # The sample deviation of n normal draws scatters by 1 / sqrt(2n) of itself.
        assert abs(parameter.std().item() / expected - 1) < 5 / (2 * count) ** 0.5, name


def test_a_seed_decides_every_weight(tiny: MLAConfig) -> None:
    first, again, other = (MLATransformer(tiny) for _ in range(3))
    initialise(first, 7)
    torch.randn(3)  # whatever else draws numbers does not matter
    initialise(again, 7)
    initialise(other, 8)
    for one, two, three in zip(first.parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
        assert one.ndim == 1 or not torch.equal(one, three)


def test_flops_agree_with_torchs_own_counter(tiny: MLAConfig, build: Callable[..., MLATransformer]) -> None:
    model = build(tiny, 0, "reference")
    length = 32
    ids = torch.zeros(1, length, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        logits = model(ids)
    # The written-out definition multiplies the hidden half of the scores too, so a token sees all of the row.
    assert counter.get_total_flops() == length * forward_flops_per_token(tiny, 2 * length)
    with FlopCounterMode(display=False) as counter:
        logits.sum().backward()
    assert counter.get_total_flops() == 2 * length * forward_flops_per_token(tiny, 2 * length)
    assert training_flops_per_token(tiny, 64) == 3 * forward_flops_per_token(tiny, 64)


def test_decode_flops_agree_with_torchs_own_counter(tiny: MLAConfig, build: Callable[..., MLATransformer]) -> None:
    model = build(tiny)
    cache = LatentCache(tiny, torch.tensor([20]), 1, torch.float32)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.decode(torch.tensor([3]), torch.tensor([20]), cache)
    absorbed = counter.get_total_flops()
    assert absorbed == decode_flops_per_token(tiny, 20)


def test_published_shape_costs_what_the_report_of_its_arithmetic_says() -> None:
    config = PRESETS["youtu_2b"]
    assert linear_flops_per_token(config) == pytest.approx(3.923e9, rel=1e-3)
    per_token_8k = training_flops_per_token(config, 8192) / 1e9
    assert per_token_8k == pytest.approx(15.8, abs=0.05)
    assert cache_bytes_per_token(config, 2) == 36_864


def test_the_cache_holds_the_latent_width_and_nothing_else(tiny: MLAConfig) -> None:
    cache = LatentCache(tiny, torch.tensor([3, 5]), 4, torch.float32)
    assert cache.bytes_per_token == cache_bytes_per_token(tiny, 4) == tiny.num_hidden_layers * (16 + 8) * 4
    wider = LatentCache(replace(tiny, v_head_dim=20), torch.tensor([3]), 4, torch.float32)
    assert wider.bytes_per_token == cache.bytes_per_token
