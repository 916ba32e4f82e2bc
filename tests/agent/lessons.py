"""One episode, and a model that knows it by heart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from small_model import learn_by_heart

from components.agent.environment import Task, TaskFamily
from components.agent.episode_loop import Episode, run_episodes
from components.agent.policies import OraclePolicy
from components.agent.template import encode_conversation
from components.tokenizer import TextTokenizer
from model import MLATransformer


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """The task, how the oracle solved it, and the model that learned that by heart."""

    task: Task
    episode: Episode
    model: MLATransformer


def teach(families: Mapping[str, TaskFamily], tokenizer: TextTokenizer) -> Lesson:
    task = families["arithmetic_add"].sample(0, "heldout")
    (episode,) = run_episodes(OraclePolicy(families), [task], families=families, max_turns=4)
    model = learn_by_heart(tokenizer, encode_conversation(tokenizer, episode.messages, task.tools))
    return Lesson(task=task, episode=episode, model=model)
