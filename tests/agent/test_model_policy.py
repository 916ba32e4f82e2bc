"""Our own model as a policy: batching, room and the reading of its ids."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

from components.agent.environment import TaskFamily
from components.agent.loop import Conversation, run_episodes
from components.agent.messages import Message
from components.agent.policies import ModelPolicy
from components.agent.template import encode_conversation
from components.tokenizer import TextTokenizer
from model import MLAConfig, MLATransformer
from model.init import initialise

Families = Mapping[str, TaskFamily]


def _model(tokenizer: TextTokenizer, context_tokens: int) -> MLATransformer:
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


def test_an_untrained_model_ends_every_episode_and_solves_none(families: Families, tokenizer: TextTokenizer) -> None:
    tasks = [families["arithmetic_add"].sample(seed, "heldout") for seed in range(5)]
    policy = ModelPolicy(_model(tokenizer, 1024), tokenizer, 24, batch_conversations=2)
    episodes = run_episodes(policy, tasks, families=families, max_turns=3)
    assert not any(episode.success for episode in episodes)
    assert episodes == run_episodes(policy, tasks, families=families, max_turns=3)


def test_batches_change_nothing(families: Families, tokenizer: TextTokenizer) -> None:
    tasks = [families["factbook_field"].sample(seed, "heldout") for seed in range(5)]
    model = _model(tokenizer, 1024)
    conversations = [Conversation(task=task, messages=[Message("user", task.prompt)]) for task in tasks]
    replies = [ModelPolicy(model, tokenizer, 12, batch_conversations=size).act(conversations) for size in (1, 3, 64)]
    assert replies[0] == replies[1] == replies[2]


def test_a_conversation_without_room_ends(families: Families, tokenizer: TextTokenizer) -> None:
    task = families["arithmetic_add"].sample(0, "heldout")
    prompt = len(encode_conversation(tokenizer, [Message("user", task.prompt)], task.tools, True))
    for spare, fits in ((20, True), (19, False)):
        policy = ModelPolicy(_model(tokenizer, prompt + spare), tokenizer, 20)
        (episode,) = run_episodes(policy, [task], families=families, max_turns=3)
        assert (episode.turns > 0) == fits and episode.end == "context_overflow"


def test_a_model_that_learned_an_episode_solves_it(families: Families, tokenizer: TextTokenizer) -> None:
    """Trained on one oracle episode's ids until it repeats them, the model acts the episode out by itself."""
    from components.agent.policies import OraclePolicy

    task = families["arithmetic_add"].sample(0, "heldout")
    (lesson,) = run_episodes(OraclePolicy(families), [task], families=families, max_turns=4)
    ids_BL = torch.tensor([encode_conversation(tokenizer, lesson.messages, task.tools)])
    model = _model(tokenizer, 1024).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(200):
        logits_BLV = model(ids_BL[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits_BLV.flatten(0, 1), ids_BL[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.01:
            break
    policy = ModelPolicy(model.eval(), tokenizer, 120)
    (episode,) = run_episodes(policy, [task], families=families, max_turns=4)
    assert episode.success
    assert [turn.text for turn in episode.transcript] == [turn.text for turn in lesson.transcript]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
