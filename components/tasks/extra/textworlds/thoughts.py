"""How a player thinks: from what it has seen to the next call, and the slips one makes on the way.

A player is a generator that is sent each text it sees and yields thoughts; it knows the task and the texts, never the
simulator's own solution, so no plan can know what was not seen. A slip is really executed: the simulator refuses it or
shows that it led elsewhere, the next thought says so and repairs it.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

from components.agent.environment import Label, Observation, Oracle, OracleStep
from components.agent.messages import ToolCall, ToolSpec

REFUSALS = ("Unknown action", "You can't move there")


@dataclass(frozen=True, kw_only=True)
class Slip:
    """A wrong call with its plan, what its observation then holds, and the reflection it leads to.

    `back` undoes what the slip changed; without it the slip changed nothing.
    """

    name: str
    call: ToolCall
    plan: str
    shows: tuple[str, ...] = REFUSALS
    lesson: str
    back: Thought | None = None


@dataclass(frozen=True, kw_only=True)
class Thought:
    """`said` is what the last observation means (or, at first, the task), `plan` what is done about it."""

    said: str
    plan: str
    call: ToolCall
    slips: tuple[Slip, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Done:
    """The last thought and the summary."""

    said: str
    summary: str


Mind = Generator[Thought, str, Done]


class Stuck(Exception):
    """The player sees no way on; such a game is not asked."""


class Player(Protocol):
    """One kind of game: its name and settings in the simulator, its tools, and how it is played."""

    @property
    def game(self) -> str: ...

    @property
    def settings(self) -> tuple[str, ...]:
        """What a game may be set to; one is drawn."""
        ...

    @property
    def tools(self) -> tuple[ToolSpec, ...]: ...

    @property
    def sure_slips(self) -> int:
        """Every game that is asked has at least so many thoughts with a slip."""
        ...

    def think(self, task: str, look: str, rng: random.Random) -> Mind:
        """Play. Raises Stuck, also where a text cannot be read."""
        ...


def play(player: Player, task: str, look: str, rng: random.Random, wrong_branch: bool) -> Oracle:
    """The player as an oracle; with `wrong_branch` one of its slips is taken."""
    slip_in: int | None = rng.randrange(player.sure_slips) if wrong_branch else None
    mind = player.think(task, look, rng)
    first = True

    def turn(said: str, plan: str, call: ToolCall, label: Label) -> OracleStep:
        nonlocal first
        before, first = first, False
        if before:
            return OracleStep(analysis=said, plan=plan, call=call, label=label)
        return OracleStep(reflection=said, plan=plan, call=call, label=label)

    try:
        thought = next(mind)
        while True:
            said, label = thought.said, _GOOD
            if slip_in is not None and thought.slips:
                slip_in -= 1
                if slip_in < 0:
                    slip_in = None
                    slip = rng.choice(thought.slips)
                    seen = yield turn(said, slip.plan, slip.call, "wrong")
                    assert _shows(seen, slip), (slip, seen.content)
                    said, label = slip.lesson, _RECOVERY
                    if slip.back is not None:
                        yield turn(said, slip.back.plan, slip.back.call, _RECOVERY)
                        said, label = slip.back.said, _GOOD
            seen = yield turn(said, thought.plan, thought.call, label)
            thought = mind.send(seen.content)
    except StopIteration as end:
        done: Done = end.value
    yield OracleStep(reflection=done.said, summary=done.summary)


_GOOD: Label = "good"
_RECOVERY: Label = "recovery"


def _shows(seen: Observation, slip: Slip) -> bool:
    return any(text in seen.content for text in slip.shows)
