"""Products in 8-bit floats, emulated: the float8 of a GPU's matrix units rounds alike."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from model import MLAConfig, MLATransformer
from model.float8 import train_in_float8


@pytest.fixture
def wide(tiny: MLAConfig) -> MLAConfig:
    return replace(
        tiny, q_lora_rank=32, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=8, v_head_dim=8, hidden_size=32
    )


def test_wide_products_round_to_float8_and_weights_keep_their_names(
    wide: MLAConfig, build: Callable[..., MLATransformer]
) -> None:
    pytest.importorskip("torchao", reason="the extra float8 is not installed")
    model = build(wide)
    names = list(model.state_dict())
    ids_BL = torch.randint(3, 97, (2, 40), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = model(ids_BL)
    train_in_float8(model, emulate=True)
    assert list(model.state_dict()) == names
    kinds = {name.rpartition(".")[2]: type(module).__name__ for name, module in model.named_modules()}
    assert kinds["down_proj"] == kinds["kv_b_proj"] == "Float8Linear" and kinds["q_a_proj"] == "Linear"
    found = model(ids_BL)
    error = (found - expected).norm() / expected.norm()
    assert 1e-4 < error < 0.2  # three bits of mantissa
    found.square().mean().backward()
    assert all(parameter.grad is not None and torch.isfinite(parameter.grad).all() for parameter in model.parameters())


def test_what_cannot_be_is_named(
    wide: MLAConfig, build: Callable[..., MLATransformer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchao.float8", None)
    with pytest.raises(ValueError, match="float8: needs torchao"):
        train_in_float8(build(wide))


def test_a_width_the_matrix_units_do_not_take_is_named(tiny: MLAConfig, build: Callable[..., MLATransformer]) -> None:
    pytest.importorskip("torchao", reason="the extra float8 is not installed")
    with pytest.raises(ValueError, match=r"float8: layers\.0\.self_attn\.q_b_proj is 24 wide"):
        train_in_float8(build(tiny), emulate=True)
