"""Derivations step by step, and the tool `check_steps` that rules on each step as it is claimed.

A `Puzzle` knows its facts and its rules of inference. A claim holds if it follows by one rule from the facts and the
claims that held before, in this call or an earlier one; nothing is looked up in a solution. So a right result without
its steps is refused, as is a right step out of thin air.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from components.agent.environment import Environment, Observation, ToolEnvironment
from components.agent.messages import ToolCall, ToolSpec

MAX_STEPS = 24  # claims in one call; the longest derivation has fewer
MAX_CLAIM_CHARACTERS = 160
Claim = tuple[Any, ...]
Facts = list[list[Any]]  # [kind, argument, ...] each: plain JSON for a task's payload


class ClaimError(ValueError):
    """A claim that cannot be read; the message is for the one who wrote it."""


def unlike(text: str, form: str) -> ClaimError:
    return ClaimError(f"{text.strip()[:30]!r} is not like {form}")


@dataclass(frozen=True)
class WrongClaim:
    """What a named mistake claims in place of a step, on what ground, the same in words, and what its failed check
    teaches.

    `lesson` holds no number: what contradicted is quoted from the observation.
    """

    name: str
    claim: str
    because: str
    text: str
    lesson: str


@dataclass(frozen=True)
class Deduction:
    """One step: the claim as the tool reads it, the same in words (`text`), and the ground it stands on (`because`)."""

    claim: str
    because: str
    text: str
    mistakes: tuple[WrongClaim, ...] = ()


class Problem(Protocol):
    """What a chain of thought needs to know of a task."""

    def deductions(self, rng: random.Random) -> list[Deduction]:
        """The derivation, in an order in which each step follows from those before. `rng` chooses words alone."""
        ...

    def call(self, claims: Sequence[str], known: Sequence[str]) -> ToolCall:
        """The call that puts `claims` to the check, after `known` were."""
        ...

    def opening(self, rng: random.Random) -> str:
        """What one sees at once: the first sentence of an analysis, without any result."""
        ...

    def answer(self, rng: random.Random) -> str: ...

    def start(self) -> Environment: ...


class Puzzle(Problem, Protocol):
    """A problem whose claims `check_steps` rules on; a domain's puzzles derive from it."""

    @property
    def tool(self) -> ToolSpec:
        """`check_steps` as this domain describes it."""
        ...

    def read(self, text: str) -> Claim:
        """The claim a text makes. Raises ClaimError."""
        ...

    def refute(self, claim: Claim, known: Sequence[Claim]) -> str | None:
        """Why the claim does not follow in one step from the facts and `known`, in a few words, or None if it does."""
        ...

    def solves(self, answer: str, known: Sequence[Claim]) -> bool:
        """Whether the answer is right and `known` establishes it."""
        ...

    def start(self) -> StepEnvironment:
        return StepEnvironment(tools=(self.tool,), puzzle=self)

    def call(self, claims: Sequence[str], known: Sequence[str]) -> ToolCall:
        return check_call(claims)


def check_tool(form: str) -> ToolSpec:
    """The tool; `form` tells how a step is written."""
    return ToolSpec(
        name="check_steps",
        description=f"Steps: {form}",
        parameters={
            "type": "object",
            "properties": {"steps": {"type": "array", "items": {"type": "string"}}},
            "required": ["steps"],
        },
    )


def check_call(claims: Sequence[str]) -> ToolCall:
    return ToolCall(name="check_steps", arguments={"steps": list(claims)})


@dataclass(kw_only=True)
class StepEnvironment(ToolEnvironment):
    """Rules on claims in the order they come and remembers those that held."""

    puzzle: Puzzle
    known: list[Claim] = field(default_factory=list)

    def run(self, call: ToolCall) -> Observation:
        texts: list[str] = call.arguments["steps"]
        if not 0 < len(texts) <= MAX_STEPS:
            return Observation(status="error", content=f"{len(texts)} steps; give 1 to {MAX_STEPS}")
        claims = []
        for number, text in enumerate(texts, start=1):
            try:
                claims.append(self.puzzle.read(text[:MAX_CLAIM_CHARACTERS]))
            except ClaimError as error:
                return Observation(status="error", content=f"step {number}: {error}")
        for held, (text, claim) in enumerate(zip(texts, claims, strict=True)):
            fault = self.puzzle.refute(claim, self.known)
            if fault is not None:
                return Observation(status="ok", content=f"{_held(held) + ', ' if held else ''}{text} fails: {fault}")
            self.known.append(claim)
        return Observation(status="ok", content=_held(len(claims)))

    def verify(self, answer: str) -> bool:
        return self.puzzle.solves(answer, self.known)


def _held(count: int) -> str:
    return f"{count} {'holds' if count == 1 else 'hold'}"


def with_real_mistakes(puzzle: Puzzle, deductions: Iterable[Deduction]) -> list[Deduction]:
    """The derivation with those mistakes only whose check fails where they would be made. Asserts that it is sound."""
    known: list[Claim] = []
    sound = []
    for step in deductions:
        wrong = tuple(
            mistake
            for mistake in step.mistakes
            if mistake.claim != step.claim and puzzle.refute(puzzle.read(mistake.claim), known) is not None
        )
        claim = puzzle.read(step.claim)
        fault = puzzle.refute(claim, known)
        assert fault is None, f"{step.claim}: {fault}"
        known.append(claim)
        sound.append(replace(step, mistakes=wrong))
    return sound
