"""Who writes the turns: the oracle, the two baselines, a model of ours.

The oracle goes through the same text as everybody else, so its perfect score proves the protocol's round trip; the
baselines say what a score is worth.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from components.agent.environment import Oracle, OracleStep, Task, TaskFamily
from components.agent.episode_loop import Conversation
from components.agent.messages import Message, ToolCall
from components.agent.template import encode_conversation
from components.agent.turns import compose_turn, decode_turn, turn_text
from components.core.seeding import named_rng

if TYPE_CHECKING:
    from components.tokenizer import TextTokenizer
    from model import MLATransformer


class _Unbounded:
    """A policy without a context limit of its own."""

    def fits(self, conversation: Conversation) -> bool:
        return True


def oracle_turn(step: OracleStep) -> Message:
    """An oracle's step as the assistant message it stands for."""
    return compose_turn(
        analysis=step.analysis,
        plan=step.plan,
        reflection=step.reflection,
        calls=(step.call,) if step.call else (),
        summary=step.summary or "",
    )


class OraclePolicy(_Unbounded):
    """Replays each family's oracle. `wrong_branch` sends every episode down its wrong branch first."""

    def __init__(self, families: Mapping[str, TaskFamily], *, seed: int = 0, wrong_branch: bool = False) -> None:
        self._families = families
        self._seed = seed
        self._wrong_branch = wrong_branch
        self._running: dict[int, Oracle] = {}

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        return [turn_text(oracle_turn(self._next(conversation))) for conversation in conversations]

    def _next(self, conversation: Conversation) -> OracleStep:
        key = id(conversation)
        if not conversation.turns:
            task = conversation.task
            rng = named_rng("oracle", self._seed, task.id)
            self._running[key] = self._families[task.family].oracle(task, rng, self._wrong_branch)
            return next(self._running[key])
        (observation,) = conversation.turns[-1].observations
        step = self._running[key].send(observation)
        if step.summary is not None:
            self._running.pop(key).close()
        return step


class NoOpPolicy(_Unbounded):
    """Answers at once and does nothing."""

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        return [turn_text(compose_turn(summary="I do not know.")) for _ in conversations]


class RandomToolPolicy(_Unbounded):
    """Calls a random tool with random words of the task, then answers a random piece of what came back."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        return [turn_text(self._turn(conversation)) for conversation in conversations]

    def _turn(self, conversation: Conversation) -> Message:
        task = conversation.task
        rng = named_rng("random tool", self._seed, task.id, len(conversation.turns))
        if not conversation.turns:
            return compose_turn(calls=(_random_call(rng, task),))
        pieces = re.findall(r"\S+", conversation.messages[-1].text)
        return compose_turn(summary=rng.choice(pieces) if pieces else "nothing")


class ModelPolicy:
    """A model of ours, greedy: every live conversation in one batch, at most `batch_conversations` at a time."""

    def __init__(
        self,
        model: MLATransformer,
        tokenizer: TextTokenizer,
        max_turn_tokens: int,
        *,
        batch_conversations: int = 64,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._max_turn_tokens = max_turn_tokens
        self._batch = batch_conversations
        self._context_tokens = int(model.config.max_position_embeddings)

    def fits(self, conversation: Conversation) -> bool:
        return len(self._prompt(conversation)) + self._max_turn_tokens <= self._context_tokens

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        from model import generate

        replies: list[str] = []
        for start in range(0, len(conversations), self._batch):
            prompts = [self._prompt(conversation) for conversation in conversations[start : start + self._batch]]
            turns = generate(
                self._model,
                prompts,
                max_new_tokens=self._max_turn_tokens,
                stop_ids=(self._tokenizer.eos_id,),
            )
            replies += [decode_turn(self._tokenizer, ids) for ids in turns]
        return replies

    def _prompt(self, conversation: Conversation) -> list[int]:
        return encode_conversation(
            self._tokenizer, conversation.messages, conversation.task.tools, add_generation_prompt=True
        )


def _random_call(rng: random.Random, task: Task) -> ToolCall:
    """Arguments of the types the schema asks for, filled from the prompt."""
    tool = rng.choice(task.tools)
    words = re.findall(r"\w+|[-+*]", task.prompt)
    arguments: dict[str, object] = {}
    for name, schema in tool.parameters.get("properties", {}).items():
        kind = schema.get("type")
        if "enum" in schema:
            arguments[name] = rng.choice(schema["enum"])
        elif kind in ("integer", "number"):
            arguments[name] = rng.randint(0, 100)
        elif kind == "boolean":
            arguments[name] = rng.random() < 0.5
        elif kind == "array":
            arguments[name] = [rng.choice(words)]
        elif kind == "object":
            arguments[name] = {}
        else:
            arguments[name] = " ".join(rng.choices(words, k=rng.randint(1, 3)))
    return ToolCall(name=tool.name, arguments=arguments)
