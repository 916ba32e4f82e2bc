from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from components.core import params
from model import PRESETS, MLAConfig, MLATransformer
from model.config import Yarn
from model.flops import parameters


def test_youtu_2b_counts_exactly_as_published() -> None:
    with torch.device("meta"):
        model = MLATransformer(PRESETS["youtu_2b"])
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_961_560_064


@pytest.mark.parametrize("name", PRESETS)
def test_parameters_by_part_sum_to_the_model(name: str) -> None:
    with torch.device("meta"):
        model = MLATransformer(PRESETS[name])
    assert sum(parameters(PRESETS[name]).values()) == sum(parameter.numel() for parameter in model.parameters())


def test_nano_is_the_shape_of_its_params_file() -> None:
    shape = params.parse(params.read_yaml(Path("presets/nano.yaml"))).model
    nano = PRESETS["nano"]
    assert {name: getattr(nano, name) for name in type(shape).model_fields} == shape.model_dump()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hidden_size", 0),
        ("num_hidden_layers", -1),
        ("num_attention_heads", 2.0),
        ("vocab_size", True),
        ("qk_rope_head_dim", 7),
        ("v_head_dim", 21),
        ("rope_theta", 1.0),
        ("rope_theta", float("nan")),
        ("rms_norm_eps", 0.0),
        ("bos_token_id", -1),
        ("eos_token_id", 97),
        ("pad_token_id", 97),
        ("eos_token_id", None),
    ],
)
def test_a_wrong_field_is_named_with_its_value(tiny: MLAConfig, field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{field} = {value}"):
        replace(tiny, **{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("factor", 0.5),
        ("factor", float("inf")),
        ("original_max_position_embeddings", 0),
        ("original_max_position_embeddings", 64.0),
        ("beta_slow", 33.0),
        ("attention_factor", 0.0),
        ("mscale", -1.0),
        ("mscale_all_dim", float("nan")),
    ],
)
def test_a_wrong_field_of_a_scaled_rope_is_named_with_its_value(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"rope_scaling.{field} = {value}"):
        Yarn(**({"factor": 4.0, "original_max_position_embeddings": 64, field: value}))


def test_a_config_cannot_be_changed_in_place(tiny: MLAConfig) -> None:
    with pytest.raises(FrozenInstanceError):
        tiny.hidden_size = 64  # type: ignore[misc]


def test_an_unknown_attention_backend_is_refused(tiny: MLAConfig) -> None:
    with pytest.raises(ValueError, match="attention = 'fast': choose one of"):
        MLATransformer(tiny, "fast")  # type: ignore[arg-type]
