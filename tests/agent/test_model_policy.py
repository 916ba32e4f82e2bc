"""Our own model as a policy: batching, room and the reading of its ids."""

from __future__ import annotations

from collections.abc import Mapping

from lessons import Lesson
from small_model import small_model

from components.agent.environment import TaskFamily
from components.agent.episode_loop import Conversation, run_episodes
from components.agent.messages import Message
from components.agent.policies import ModelPolicy
from components.agent.template import encode_conversation
from components.tokenizer import TextTokenizer

Families = Mapping[str, TaskFamily]


def test_an_untrained_model_ends_every_episode_and_solves_none(families: Families, tokenizer: TextTokenizer) -> None:
    tasks = [families["arithmetic_add"].sample(seed, "heldout") for seed in range(5)]
    policy = ModelPolicy(small_model(tokenizer, 1024), tokenizer, 24, batch_conversations=2)
    episodes = run_episodes(policy, tasks, families=families, max_turns=3)
    assert not any(episode.success for episode in episodes)
    assert episodes == run_episodes(policy, tasks, families=families, max_turns=3)


def test_batches_change_nothing(families: Families, tokenizer: TextTokenizer) -> None:
    tasks = [families["factbook_field"].sample(seed, "heldout") for seed in range(5)]
    model = small_model(tokenizer, 1024)
    conversations = [Conversation(task=task, messages=[Message("user", task.prompt)]) for task in tasks]
    replies = [ModelPolicy(model, tokenizer, 12, batch_conversations=size).act(conversations) for size in (1, 3, 64)]
    assert replies[0] == replies[1] == replies[2]


def test_a_conversation_without_room_ends(families: Families, tokenizer: TextTokenizer) -> None:
    task = families["arithmetic_add"].sample(0, "heldout")
    prompt = len(encode_conversation(tokenizer, [Message("user", task.prompt)], task.tools, True))
    for spare, fits in ((20, True), (19, False)):
        policy = ModelPolicy(small_model(tokenizer, prompt + spare), tokenizer, 20)
        (episode,) = run_episodes(policy, [task], families=families, max_turns=3)
        assert (episode.turns > 0) == fits and episode.end == "context_overflow"


def test_a_model_that_learned_an_episode_solves_it(
    families: Families, tokenizer: TextTokenizer, lesson: Lesson
) -> None:
    """It repeats the lesson turn by turn, so what it is shown is what it was taught."""
    policy = ModelPolicy(lesson.model, tokenizer, 120)
    (episode,) = run_episodes(policy, [lesson.task], families=families, max_turns=4)
    assert episode.success
    assert [turn.text for turn in episode.transcript] == [turn.text for turn in lesson.episode.transcript]
