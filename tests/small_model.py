"""A model small enough to learn one conversation by heart within a test."""

from __future__ import annotations

import torch

from components.tokenizer import TextTokenizer
from model import MLAConfig, MLATransformer
from model.init import initialise

CONTEXT_TOKENS = 1024
_MAX_STEPS = 400


def small_model(tokenizer: TextTokenizer, context_tokens: int = CONTEXT_TOKENS) -> MLATransformer:
    """Random weights for the tokenizer's vocabulary. The shape suits every GGUF type."""
    config = MLAConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=2,
        q_lora_rank=32,
        kv_lora_rank=32,
        qk_nope_head_dim=32,
        qk_rope_head_dim=16,
        v_head_dim=32,
        max_position_embeddings=context_tokens,
        rope_theta=10_000.0,
        rms_norm_eps=1e-6,
        bos_token_id=tokenizer.bos_id,
        eos_token_id=tokenizer.eos_id,
        pad_token_id=tokenizer.pad_id,
    )
    model = MLATransformer(config)
    initialise(model, 3)
    return model.eval()


def learn_by_heart(tokenizer: TextTokenizer, ids: list[int]) -> MLATransformer:
    """A small model trained until it repeats the ids."""
    model = small_model(tokenizer).train()
    ids_BL = torch.tensor([ids])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(_MAX_STEPS):
        logits_BLV = model(ids_BL[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits_BLV.flatten(0, 1), ids_BL[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.01:
            return model.eval()
    raise AssertionError("the model did not learn the conversation")
