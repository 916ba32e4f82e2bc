"""Against transformers' own Youtu model: the same logits, loss, gradients and greedy tokens from the same files."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from model import MLAConfig, MLATransformer, generate
from model.backends import AttentionBackend
from model.config import Yarn
from model.exchange.hf import CONFIG_FILE, GENERATION_FILE, WEIGHTS_FILE, export_pretrained, load_pretrained
from model.loss import linear_cross_entropy


def random_config(seed: int) -> MLAConfig:
    choose = random.Random(seed)
    nope, rope = choose.choice([4, 8, 16]), choose.choice([2, 8, 16])
    return MLAConfig(
        vocab_size=choose.randrange(40, 300),
        hidden_size=choose.choice([16, 32, 40]),
        intermediate_size=choose.choice([24, 64]),
        num_hidden_layers=choose.randrange(1, 5),
        num_attention_heads=choose.randrange(1, 5),
        q_lora_rank=choose.choice([8, 24]),
        kv_lora_rank=choose.choice([8, 20]),
        qk_nope_head_dim=nope,
        qk_rope_head_dim=rope,
        v_head_dim=choose.randrange(2, nope + rope + 1),
        max_position_embeddings=128,
        rope_theta=choose.choice([100.0, 10_000.0, 1_600_000.0]),
        rms_norm_eps=choose.choice([1e-6, 1e-5]),
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=choose.choice([None, 2]),
    )


def random_yarn(seed: int) -> Yarn:
    choose = random.Random(seed)
    return Yarn(
        factor=choose.choice([1.0, 2.0, 4.0, 40.0]),
        original_max_position_embeddings=choose.choice([8, 32, 4096]),
        beta_fast=choose.choice([32.0, 4.0]),
        beta_slow=choose.choice([1.0, 0.25]),
        attention_factor=choose.choice([None, None, 1.0, 1.2]),
        mscale=choose.choice([None, 1.0, 0.7]),
        mscale_all_dim=choose.choice([None, 1.0, 0.7]),
    )


def theirs(model: MLATransformer, directory: Path) -> Any:
    export_pretrained(model, directory)
    loaded = AutoModelForCausalLM.from_pretrained(directory)
    assert type(loaded).__name__ == "YoutuForCausalLM"
    return loaded


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return ((a - b).abs().max() / b.abs().max()).item()


@pytest.mark.parametrize("seed", range(50))
def test_logits_loss_gradients_and_greedy_tokens(
    seed: int, tmp_path: Path, build: Callable[..., MLATransformer]
) -> None:
    config = random_config(seed)
    ours = build(config, seed)
    other = theirs(ours, tmp_path)
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, config.vocab_size, (2, 33), generator=generator)

    logits = ours(ids)
    answer = other(ids, labels=ids)
    assert relative(logits, answer.logits) <= 1e-5

    hidden = ours.hidden(ids[:, :-1]).flatten(0, 1)
    loss_sum, weight_sum = linear_cross_entropy(hidden, ours.head_weight, ids[:, 1:].flatten(), torch.ones(64), 16)
    (loss_sum / weight_sum).backward()
    answer.loss.backward()
    assert (loss_sum / weight_sum).item() == pytest.approx(answer.loss.item(), rel=1e-5)
    gradients = {name: parameter.grad for name, parameter in other.named_parameters()}
    for name, parameter in ours.named_parameters():
        assert parameter.grad is not None
        assert relative(parameter.grad, gradients[f"model.{name}"]) <= 1e-4, name

    prompt = ids[:1, :9]
    expected = other.generate(prompt, max_new_tokens=20, do_sample=False, eos_token_id=None, pad_token_id=0)
    assert generate(ours, prompt.tolist(), max_new_tokens=20) == [expected[0, 9:].tolist()]


@pytest.mark.parametrize("seed", range(30))
def test_a_rope_stretched_by_yarn(seed: int, tmp_path: Path, build: Callable[..., MLATransformer]) -> None:
    """Past the original context too, expanded and from the cache; and the files come back as they were."""
    ours = build(replace(random_config(seed), rope_scaling=random_yarn(seed)), seed)
    other = theirs(ours, tmp_path / "ours")
    ids = torch.randint(3, ours.config.vocab_size, (2, 100), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        assert relative(ours(ids), other(ids).logits) <= 1e-5
        assert relative(ours(ids), rebuilt(ours, "reference")(ids)) <= 1e-5
    prompt = ids[:1, :60]
    expected = other.generate(prompt, max_new_tokens=20, do_sample=False, eos_token_id=None, pad_token_id=0)
    assert generate(ours, prompt.tolist(), max_new_tokens=20, prefill_tokens=17) == [expected[0, 60:].tolist()]

    other.save_pretrained(tmp_path / "theirs")
    back = load_pretrained(tmp_path / "theirs")
    assert back.config == ours.config
    export_pretrained(back, tmp_path / "back")
    assert (tmp_path / "ours" / CONFIG_FILE).read_bytes() == (tmp_path / "back" / CONFIG_FILE).read_bytes()


def rebuilt(model: MLATransformer, attention: AttentionBackend) -> MLATransformer:
    other = MLATransformer(model.config, attention)
    other.load_state_dict(model.state_dict())
    return other


@pytest.mark.parametrize("kind", ["type", "rope_type"])
def test_the_older_place_of_a_scaled_rope_is_read_as_transformers_reads_it(
    tiny: MLAConfig, tmp_path: Path, build: Callable[..., MLATransformer], kind: str
) -> None:
    export_pretrained(build(tiny), tmp_path)
    config = json.loads((tmp_path / CONFIG_FILE).read_text())
    del config["rope_parameters"]
    scaling = {kind: "yarn", "factor": 8.0, "original_max_position_embeddings": 32, "mscale_all_dim": 1.0}
    (tmp_path / CONFIG_FILE).write_text(json.dumps(config | {"rope_theta": 500.0, "rope_scaling": scaling}))
    ours, other = load_pretrained(tmp_path), AutoModelForCausalLM.from_pretrained(tmp_path)
    expected = Yarn(factor=8.0, original_max_position_embeddings=32, mscale_all_dim=1.0)
    assert (ours.config.rope_theta, ours.config.rope_scaling) == (500.0, expected)
    ids = torch.arange(3, 93)[None]
    assert relative(ours(ids), other(ids).logits) <= 1e-5


@pytest.mark.parametrize("seed", range(50))
def test_in_bfloat16_we_round_no_worse(seed: int, tmp_path: Path, build: Callable[..., MLATransformer]) -> None:
    """Both are compared with the definition in float64: agreeing in bfloat16 would mean rounding alike, not right."""
    config = random_config(seed)
    ours = build(config, seed).to(torch.bfloat16)
    other = theirs(ours, tmp_path)
    exact = MLATransformer(config, attention="reference").double()
    exact.load_state_dict(ours.state_dict())
    ids = torch.randint(3, config.vocab_size, (2, 33), generator=torch.Generator().manual_seed(seed))
    truth = exact(ids)
    assert truth.dtype == torch.float64
    found, expected = (
        torch.stack([a.double(), truth]).diff(dim=0).abs().mean() for a in (ours(ids), other(ids).logits)
    )
    assert found <= 1.25 * expected
    assert relative(ours.float()(ids), truth.float()) <= 1e-5


def test_files_survive_a_trip_through_transformers_byte_for_byte(
    tiny: MLAConfig, tmp_path: Path, build: Callable[..., MLATransformer]
) -> None:
    model = build(tiny)
    theirs(model, tmp_path / "ours").save_pretrained(tmp_path / "theirs")
    export_pretrained(load_pretrained(tmp_path / "theirs"), tmp_path / "back")
    for name in (CONFIG_FILE, WEIGHTS_FILE, GENERATION_FILE):
        assert (tmp_path / "ours" / name).read_bytes() == (tmp_path / "back" / name).read_bytes(), name


def test_weights_in_several_files_and_the_older_config_come_back_the_same(
    tiny: MLAConfig, tmp_path: Path, build: Callable[..., MLATransformer]
) -> None:
    """As the published checkpoints lie on the hub: cut by transformers, config.json as Youtu's own code wrote it."""
    model = build(tiny).to(torch.bfloat16)
    theirs(model, tmp_path / "ours").save_pretrained(tmp_path / "cut", max_shard_size="20KB")
    assert len(list((tmp_path / "cut").glob("*.safetensors"))) > 2
    config = json.loads((tmp_path / "cut" / CONFIG_FILE).read_text())
    config |= {"model_type": "youtu_llm", "architectures": ["YoutuForCausalLM"], "torch_dtype": config.pop("dtype")}
    config |= {"rope_theta": config.pop("rope_parameters")["rope_theta"], "rope_scaling": None}
    (tmp_path / "cut" / CONFIG_FILE).write_text(json.dumps(config))
    loaded = load_pretrained(tmp_path / "cut")
    assert loaded.config == tiny
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), model.parameters(), strict=True))


def test_the_padding_row_keeps_its_weights(
    tiny: MLAConfig, tmp_path: Path, build: Callable[..., MLATransformer]
) -> None:
    """transformers zeroes the embedding of a pad_token_id in config.json on loading: it must not stand there."""
    model = build(tiny)
    loaded = theirs(model, tmp_path)
    assert torch.equal(loaded.get_input_embeddings().weight, model.embed_tokens.weight)
    assert loaded.generation_config.pad_token_id == tiny.pad_token_id


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_every_stored_type_comes_back_as_it_was(
    tiny: MLAConfig, tmp_path: Path, build: Callable[..., MLATransformer], dtype: torch.dtype
) -> None:
    model = build(tiny).to(dtype)
    export_pretrained(model, tmp_path)
    loaded = load_pretrained(tmp_path)
    assert loaded.config == tiny
    for (name, parameter), other in zip(model.named_parameters(), loaded.parameters(), strict=True):
        assert other.dtype == dtype and torch.equal(parameter, other), name
        assert other.requires_grad
