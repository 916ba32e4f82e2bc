"""Tasks, the environments they run in and the oracles that know how to solve them.

A `TaskFamily` draws tasks, starts a fresh environment for each and can solve it step by step. An environment really
executes every call and alone decides whether an answer is right. Oracles write prose around what was executed: they
are generators that receive each observation before they may write the next reflection.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from jsonschema import Draft202012Validator

from components.agent.messages import ToolCall, ToolSpec
from components.core.params import Stream

Split = Literal["train", "heldout"]
Status = Literal["ok", "error", "timeout", "denied"]
Label = Literal["good", "wrong", "recovery"]
Origin = Literal["executed", "injected_fault"]
# How an episode ends well: solved, or rightly said to have no answer here, or rightly stopped.
End = Literal["success", "abstain_correct", "abort_correct"]


@dataclass(frozen=True, kw_only=True)
class TaskFault:
    """What is wrong with a tool of the task: whether calls show it, and whether it passes."""

    visibility: Literal["explicit", "implicit"]
    persistence: Literal["transient", "permanent"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One problem, a pure function of (family, seed, split). `payload` is plain JSON and may hold the answer:
    environments and oracles read it, policies other than the oracle never do."""

    id: str
    family: str
    domain: Stream
    seed: int
    split: Split
    prompt: str
    tools: tuple[ToolSpec, ...]
    payload: dict[str, Any]
    right_end: End = "success"
    fault: TaskFault | None = None


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What one call brought back. A fault that the task put into a tool answers with `injected_fault`."""

    status: Status
    content: str
    origin: Origin = "executed"

    def render(self) -> str:
        """The text a policy sees inside `<tool_response>`."""
        return self.content if self.status == "ok" else f"{self.status}: {self.content}"


class Environment(Protocol):
    """The world of one episode; holds its state and its verdict."""

    def execute(self, call: ToolCall) -> Observation:
        """Run one call. Wrong names or arguments give an error observation; nothing a policy sends raises."""
        ...

    def verify(self, answer: str) -> bool:
        """Whether the visible text of the last turn solves the task, given what was executed."""
        ...


@dataclass(frozen=True, kw_only=True)
class OracleStep:
    """One assistant turn of an oracle: phases, then either a call or the summary that ends the episode.

    A first turn has analysis and plan; a later one a reflection on the observation just received, and a new plan where
    that changes the way. `label` is `wrong` for a step taken on purpose down a wrong branch (its check fails, or its
    observation contradicts it, really), `recovery` for the step that follows and repairs it.
    """

    call: ToolCall | None = None
    summary: str | None = None
    analysis: str = ""
    plan: str = ""
    reflection: str = ""
    label: Label = "good"

    def __post_init__(self) -> None:
        assert (self.call is None) != (self.summary is None), "a step either calls or ends"


Oracle = Generator[OracleStep, Observation, None]


class TaskFamily(Protocol):
    """A kind of task. `name` is the key in `params.trajectories.families`."""

    @property
    def name(self) -> str: ...

    @property
    def domain(self) -> Stream:
        """The stream its trajectories belong to."""
        ...

    def sample(self, seed: int, split: Split) -> Task:
        """The task of this seed; what is asked in one split is never asked in the other."""
        ...

    def start(self, task: Task) -> Environment: ...

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        """Solve the task. Send each observation in; the generator ends after the step with a summary.

        With `wrong_branch` the solution takes one wrong step, sees that it was wrong, and recovers.
        """
        ...


def make_task(
    family: TaskFamily,
    seed: int,
    split: Split,
    *,
    prompt: str,
    tools: tuple[ToolSpec, ...],
    payload: dict[str, Any],
    right_end: End = "success",
    fault: TaskFault | None = None,
) -> Task:
    """What a family asks for a seed; the id names family, split and seed."""
    return Task(
        id=f"{family.name}/{split}/{seed}",
        family=family.name,
        domain=family.domain,
        seed=seed,
        split=split,
        prompt=prompt,
        tools=tools,
        payload=payload,
        right_end=right_end,
        fault=fault,
    )


@dataclass
class ToolEnvironment(ABC):
    """Base of environments: checks each call against the tool's schema before it reaches `run`."""

    tools: tuple[ToolSpec, ...]
    executed: list[tuple[ToolCall, Observation]] = field(default_factory=list)

    def execute(self, call: ToolCall) -> Observation:
        fault = call_fault(call, self.tools)
        if fault:
            return Observation(status="error", content=fault)
        observation = self.run(call)
        self.executed.append((call, observation))
        return observation

    @abstractmethod
    def run(self, call: ToolCall) -> Observation:
        """Execute a call whose name and arguments are valid."""

    @abstractmethod
    def verify(self, answer: str) -> bool: ...


def call_fault(call: ToolCall, tools: tuple[ToolSpec, ...]) -> str | None:
    """What is wrong with a call, in one line, or None. Arguments a schema does not name are refused."""
    spec = next((tool for tool in tools if tool.name == call.name), None)
    if spec is None:
        return f"no tool {call.name!r}; tools: {', '.join(tool.name for tool in tools)}"
    validator = Draft202012Validator({"additionalProperties": False, **spec.parameters})
    errors = sorted(validator.iter_errors(call.arguments), key=lambda error: (error.json_path, error.message))
    if not errors:
        return None
    place = errors[0].json_path.removeprefix("$").removeprefix(".")
    message = errors[0].message
    if len(message) > 120:
        message = message[:117] + "..."
    return f"bad arguments: {place + ': ' if place else ''}{message}"
