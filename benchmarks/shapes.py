"""The shape benchmarks run: the published model's attention, width and layers cut to what two cores can time."""

from __future__ import annotations

import random
import string
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from components.tokenizer.train import learn_tokenizer
from model import MLAConfig, MLATransformer
from model.exchange.hf import export_pretrained
from model.init import initialise

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def shape(*, layers: int, context_tokens: int, vocab_size: int = 8192) -> MLAConfig:
    """512 wide; sixteen heads of 128 + 64 and 128, ranks 1536 and 512, as `youtu_2b` has them."""
    return MLAConfig(
        vocab_size=vocab_size,
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=layers,
        num_attention_heads=16,
        q_lora_rank=1536,
        kv_lora_rank=512,
        qk_nope_head_dim=128,
        qk_rope_head_dim=64,
        v_head_dim=128,
        max_position_embeddings=context_tokens,
        rope_theta=1_600_000.0,
        bos_token_id=0,
        eos_token_id=1,
    )


def random_model(config: MLAConfig, dtype: torch.dtype, device: torch.device) -> MLATransformer:
    model = MLATransformer(config)
    initialise(model, 0)
    return model.to(device, dtype)


def random_tokenizer(vocab_size: int, path: Path) -> None:
    """Write a byte-level BPE of that size, learned from random words, as tokenizer.json."""
    generator = random.Random(0)
    words = ["".join(generator.choices(string.ascii_lowercase, k=6)) for _ in range(20_000)]
    tokenizer = learn_tokenizer(words, vocab_size, min_count=1)
    assert tokenizer.get_vocab_size() == vocab_size
    tokenizer.save(str(path))


def as_transformers(model: MLATransformer) -> PreTrainedModel:
    """The same weights in transformers' own Youtu model, with its fastest attention for this device."""
    from transformers import AutoModelForCausalLM

    with tempfile.TemporaryDirectory() as directory:
        export_pretrained(model, Path(directory))
        loaded: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            directory, dtype=model.head_weight.dtype, attn_implementation="sdpa"
        )
    return loaded.to(model.head_weight.device)  # type: ignore[arg-type]  # their stub narrows `to`
