"""A model small enough to learn one episode by heart within a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from components.agent.environment import Task, TaskFamily
from components.agent.loop import Episode, run_episodes
from components.agent.policies import OraclePolicy
from components.agent.template import encode_conversation
from components.tokenizer import TextTokenizer
from model import MLAConfig, MLATransformer
from model.init import initialise

CONTEXT_TOKENS = 1024
_MAX_STEPS = 300


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """The task, how the oracle solved it, and the model that learned that by heart."""

    task: Task
    episode: Episode
    model: MLATransformer


def small_model(tokenizer: TextTokenizer, context_tokens: int = CONTEXT_TOKENS) -> MLATransformer:
    config = MLAConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=2,
        q_lora_rank=32,
        kv_lora_rank=16,
        qk_nope_head_dim=16,
        qk_rope_head_dim=8,
        v_head_dim=16,
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


def teach(families: Mapping[str, TaskFamily], tokenizer: TextTokenizer) -> Lesson:
    """Train on the ids of one oracle episode until they are repeated."""
    torch.set_num_threads(1)
    task = families["arithmetic_add"].sample(0, "heldout")
    (episode,) = run_episodes(OraclePolicy(families), [task], families=families, max_turns=4)
    ids_BL = torch.tensor([encode_conversation(tokenizer, episode.messages, task.tools)])
    model = small_model(tokenizer).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(_MAX_STEPS):
        logits_BLV = model(ids_BL[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits_BLV.flatten(0, 1), ids_BL[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.01:
            return Lesson(task=task, episode=episode, model=model.eval())
    raise AssertionError("the model did not learn the episode")
