"""Small models whose logits are spread out enough for greedy comparisons to mean something."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from model import MLAConfig, MLATransformer
from model.backends import AttentionBackend
from model.init import initialise

TINY = MLAConfig(
    vocab_size=97,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=2,
    q_lora_rank=24,
    kv_lora_rank=16,
    qk_nope_head_dim=12,
    qk_rope_head_dim=8,
    v_head_dim=10,
    max_position_embeddings=256,
    rope_theta=10_000.0,
    bos_token_id=0,
    eos_token_id=1,
    pad_token_id=2,
)


@pytest.fixture(scope="session")
def tiny() -> MLAConfig:
    return TINY


@pytest.fixture(scope="session")
def build() -> Callable[..., MLATransformer]:
    """A random model: wider weights than training starts from, and norms that are not all ones."""

    def make(config: MLAConfig, seed: int = 0, attention: AttentionBackend = "padded") -> MLATransformer:
        model = MLATransformer(config, attention)
        initialise(model, seed)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 1:
                    parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
                else:
                    parameter.mul_(2.0)
        return model

    return make
