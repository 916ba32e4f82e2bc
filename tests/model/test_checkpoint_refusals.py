"""Checkpoints that must not load, each refused with the field and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from model import MLAConfig, MLATransformer
from model.exchange.hf import (
    CONFIG_FILE,
    GENERATION_FILE,
    INDEX_FILE,
    WEIGHTS_FILE,
    export_pretrained,
    load_config,
    load_pretrained,
)

YARN = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 64}


@pytest.fixture
def checkpoint(tiny: MLAConfig, build: Callable[..., MLATransformer], tmp_path: Path) -> Path:
    export_pretrained(build(tiny), tmp_path)
    return tmp_path


def edit_config(directory: Path, **changes: Any) -> None:
    path = directory / CONFIG_FILE
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in content.items() if value != "absent"}))


def edit_weights(directory: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(directory / WEIGHTS_FILE)
    change(weights)
    save_file(weights, directory / WEIGHTS_FILE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "llama"}, "model_type: Input should be 'youtu'"),
        ({"architectures": ["LlamaForCausalLM"]}, "architectures"),
        ({"kv_lora_rank": "absent"}, "kv_lora_rank: Field required"),
        ({"q_lora_rank": None}, "q_lora_rank"),
        ({"rope_parameters": "absent", "rope_theta": 1e4}, "rope_parameters: Field required"),
        ({"model_type": "youtu_llm", "rope_parameters": "absent"}, "rope_parameters: Field required"),
        ({"rope_scaling": {"type": "yarn", "factor": 4.0}}, "rope_parameters.yarn.rope_theta: Field required"),
        ({"rope_scaling": {"type": "linear", "factor": 4.0}}, "rope_parameters: .*'default', 'yarn'"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "rope_parameters.yarn.factor: Field required"),
        ({"rope_parameters": YARN | {"truncate": False}}, "rope_parameters.yarn.truncate"),
        ({"rope_parameters": YARN | {"factor": 0.5}}, "rope_scaling.factor = 0.5"),
        ({"rope_parameters": YARN | {"long_factor": [1.0]}}, "rope_parameters.yarn.long_factor: Extra inputs"),
        ({"rope_interleave": False}, "rope_interleave"),
        ({"attention_bias": True}, "attention_bias"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings"),
        ({"pad_token_id": 2}, "pad_token_id"),
        ({"num_key_value_heads": 1}, "num_key_value_heads = 1.*set it to num_attention_heads = 2"),
        ({"qk_rope_head_dim": 7}, "qk_rope_head_dim = 7"),
        ({"dtype": "int8"}, "dtype"),
        ({"dtype": "bfloat16"}, "embed_tokens.weight is torch.float32, but config.json says dtype = torch.bfloat16"),
        ({"hidden_size": 16}, r"embed_tokens.weight has shape \(97, 32\), but config.json asks for \(97, 16\)"),
        ({"num_hidden_layers": 1}, r"foreign \['model.layers.1"),
        ({"num_hidden_layers": 3}, r"missing \['model.layers.2"),
    ],
)
def test_a_foreign_config_is_named(checkpoint: Path, changes: dict[str, Any], message: str) -> None:
    edit_config(checkpoint, **changes)
    with pytest.raises(ValueError, match=message):
        load_pretrained(checkpoint)


def test_not_finite_weights_are_refused_on_both_ways(
    checkpoint: Path, tiny: MLAConfig, build: Callable[..., MLATransformer], tmp_path: Path
) -> None:
    def poison(weights: dict[str, torch.Tensor]) -> None:
        weights["model.layers.1.mlp.up_proj.weight"][3, 4] = torch.nan

    edit_weights(checkpoint, poison)
    with pytest.raises(ValueError, match=r"layers.1.mlp.up_proj.weight: 1 of 1536 values are NaN.*restore"):
        load_pretrained(checkpoint)
    model = build(tiny)
    with torch.no_grad():
        model.norm.weight[0] = torch.inf
    with pytest.raises(ValueError, match=r"model.norm.weight: 1 of 32 values are NaN or infinite"):
        export_pretrained(model, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_untied_head_is_refused_and_a_redundant_copy_accepted(checkpoint: Path) -> None:
    edit_weights(checkpoint, lambda w: w.update({"lm_head.weight": w["model.embed_tokens.weight"].clone()}))
    load_pretrained(checkpoint)
    edit_weights(checkpoint, lambda w: w["lm_head.weight"].add_(1))
    with pytest.raises(ValueError, match=r"lm_head.weight differs from model.embed_tokens.weight"):
        load_pretrained(checkpoint)


@pytest.mark.parametrize("kept_bytes", [0, 4, 100, -1])
def test_a_truncated_file_is_refused(checkpoint: Path, kept_bytes: int) -> None:
    path = checkpoint / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(ValueError, match=r"model.safetensors: not a whole safetensors file.*restore the checkpoint"):
        load_pretrained(checkpoint)


@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_a_missing_file_is_named(checkpoint: Path, name: str) -> None:
    (checkpoint / name).unlink()
    with pytest.raises(ValueError, match=f"{name}: missing"):
        load_pretrained(checkpoint)


@pytest.mark.parametrize("name", [CONFIG_FILE, GENERATION_FILE])
def test_torn_json_is_named(checkpoint: Path, name: str) -> None:
    (checkpoint / name).write_text('{"pad_')
    with pytest.raises(ValueError, match=f"{name}: "):
        load_config(checkpoint)


def test_integer_models_cannot_be_exported(
    tiny: MLAConfig, build: Callable[..., MLATransformer], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"dtype = torch.float64: cannot be exported"):
        export_pretrained(build(tiny).double(), tmp_path)


def test_a_pickle_is_never_opened(checkpoint: Path) -> None:
    (checkpoint / WEIGHTS_FILE).rename(checkpoint / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"missing; convert pytorch_model.bin to safetensors first, pickles can run"):
        load_pretrained(checkpoint)


def test_an_index_that_points_elsewhere_is_refused(checkpoint: Path) -> None:
    (checkpoint / WEIGHTS_FILE).rename(checkpoint.parent / "elsewhere.safetensors")
    (checkpoint / INDEX_FILE).write_text('{"weight_map": {"model.norm.weight": "../elsewhere.safetensors"}}')
    with pytest.raises(ValueError, match=r"weight_map names '../elsewhere.safetensors'; weights must lie beside"):
        load_pretrained(checkpoint)
    (checkpoint / INDEX_FILE).write_text('{"weight_map": {"model.norm.weight": "gone.safetensors"}}')
    with pytest.raises(ValueError, match=r"gone.safetensors: missing; restore it"):
        load_pretrained(checkpoint)
