"""The agent loop: many episodes in lock-step, one `policy.act` for all that still live.

A turn that cannot be read is answered by a parse-error observation and nothing in it is run. An episode ends when the
policy answers (the environment then judges), at `max_turns`, when the policy has no room left for the conversation,
or when `max_parse_errors` turns could not be read. Given a deterministic policy the result is a pure function of the
tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from components.agent.environment import Environment, Observation, Task, TaskFamily
from components.agent.messages import Message, ToolCall
from components.agent.turns import parse_turn, turn_message

End = Literal["answered", "max_turns", "context_overflow", "parse_errors"]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn as it was written and what it brought."""

    text: str
    calls: tuple[ToolCall, ...]
    observations: tuple[Observation, ...]
    error: str | None


@dataclass(kw_only=True)
class Conversation:
    """What a policy sees of one episode. Policies read it; only the loop writes it."""

    task: Task
    messages: list[Message]
    turns: list[Turn] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Episode:
    """The record of one finished episode. `tool_calls` counts the calls sent to the environment."""

    task_id: str
    family: str
    success: bool
    turns: int
    tool_calls: int
    parse_errors: int
    end: End
    answer: str | None
    transcript: tuple[Turn, ...]
    messages: tuple[Message, ...]


class Policy(Protocol):
    """Whatever writes the assistant's turns."""

    def fits(self, conversation: Conversation) -> bool:
        """Whether there is room for another turn."""
        ...

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        """The next turn of each conversation as text, markers spelled out.

        A turn that was finished ends in `<|end_of_text|>`; without it the turn was cut off and counts as unreadable.
        """
        ...


@dataclass(kw_only=True)
class Rollout:
    """One live episode. A chat keeps its conversation and begins a new rollout with every message of the person."""

    environment: Environment
    conversation: Conversation
    max_turns: int
    max_parse_errors: int = 3
    end: End | None = None
    answer: str | None = None
    turns: int = 0
    parse_errors: int = 0
    tool_calls: int = 0

    @classmethod
    def begin(cls, task: Task, environment: Environment, *, max_turns: int, max_parse_errors: int = 3) -> Rollout:
        conversation = Conversation(task=task, messages=[Message("user", task.prompt)])
        return cls(
            environment=environment,
            conversation=conversation,
            max_turns=max_turns,
            max_parse_errors=max_parse_errors,
        )

    def step(self, text: str) -> None:
        """Take one turn of the policy: read it, run its calls, append what came back, see whether that was the end."""
        assert self.end is None, "the episode is over"
        turn = parse_turn(text, require_end=True)
        conversation = self.conversation
        conversation.messages.append(turn_message(text, turn))
        observations: tuple[Observation, ...] = ()
        if turn.error is not None:
            self.parse_errors += 1
            observations = (Observation(status="error", content=turn.error),)
        elif turn.calls:
            observations = tuple(self.environment.execute(call) for call in turn.calls)
            self.tool_calls += len(turn.calls)
        else:
            self.answer, self.end = turn.summary, "answered"
        conversation.messages += [Message("tool", observation.render()) for observation in observations]
        self.turns += 1
        conversation.turns.append(Turn(text=text, calls=turn.calls, observations=observations, error=turn.error))
        if self.end is None and self.parse_errors >= self.max_parse_errors:
            self.end = "parse_errors"
        if self.end is None and self.turns >= self.max_turns:
            self.end = "max_turns"

    def episode(self) -> Episode:
        """The record, judged by the environment."""
        assert self.end is not None, "the episode still runs"
        task, turns = self.conversation.task, tuple(self.conversation.turns)
        return Episode(
            task_id=task.id,
            family=task.family,
            success=self.answer is not None and self.environment.verify(self.answer),
            turns=len(turns),
            tool_calls=self.tool_calls,
            parse_errors=self.parse_errors,
            end=self.end,
            answer=self.answer,
            transcript=turns,
            messages=tuple(self.conversation.messages),
        )


def run_episodes(
    policy: Policy,
    tasks: Sequence[Task],
    *,
    families: Mapping[str, TaskFamily],
    max_turns: int,
    max_parse_errors: int = 3,
) -> list[Episode]:
    """Run every task to its end and return the records in the order of the tasks."""
    assert max_turns >= 1
    rollouts = [
        Rollout.begin(task, families[task.family].start(task), max_turns=max_turns, max_parse_errors=max_parse_errors)
        for task in tasks
    ]
    while live := [rollout for rollout in rollouts if rollout.end is None]:
        acting: list[Rollout] = []
        for rollout in live:
            if policy.fits(rollout.conversation):
                acting.append(rollout)
            else:
                rollout.end = "context_overflow"
        if not acting:
            continue
        replies = policy.act([rollout.conversation for rollout in acting])
        assert len(replies) == len(acting), "a policy answers every conversation"
        for rollout, reply in zip(acting, replies, strict=True):
            rollout.step(reply)
    return [rollout.episode() for rollout in rollouts]
