"""A game as an environment: one tool, `act`, and the simulator's own score as verdict."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from components.agent.calculator import CALCULATOR, calculate
from components.agent.environment import Observation, Split, ToolEnvironment
from components.agent.messages import ToolCall, ToolSpec
from components.agent.textworlds.jvm import jvm

_MAX_COMMAND_CHARACTERS = 120


@dataclass(frozen=True, kw_only=True)
class Happened:
    """What a command brought: the simulator's text, and whether the game was won or is over."""

    text: str
    won: bool
    over: bool


class Session(Protocol):
    """One running game, whatever other games the process plays."""

    @property
    def task(self) -> str:
        """What the simulator asks for."""
        ...

    @property
    def first_look(self) -> str: ...

    def act(self, command: str) -> Happened: ...


class ExpressSession:
    """A game of TextWorldExpress (Jansen and Côté, 2022): `game` with `settings` like `numLocations=4`, from a seed.

    The train split plays the simulator's train fold, the held-out split its test fold. The simulator keeps parts of a
    game in one place for all games of its Java machine, so one is live at a time: a game that was put aside for another
    is started anew and its commands are given again. Started from its seed, a game always goes the same way.
    """

    def __init__(self, game: str, settings: str, seed: int, split: Split) -> None:
        self._game, self._settings, self._seed = game, settings, seed
        self._fold = "train" if split == "train" else "test"
        self._given: list[str] = []
        started = self._start()
        self.task = tidy(str(_simulator().getTaskDescription()))
        self.first_look = tidy(started["observation"])

    def _start(self) -> dict[str, Any]:
        global _live
        fault = _simulator().load(self._game, self._settings)
        assert not fault, fault
        _live = self
        started: dict[str, Any] = json.loads(_simulator().generateNewGameJSON(self._seed, self._fold, False))
        return started

    def act(self, command: str) -> Happened:
        if _live is not self:
            self._start()
            for before in self._given:
                _simulator().stepJSON(before)
        self._given.append(command)
        after: dict[str, Any] = json.loads(_simulator().stepJSON(command))
        won = bool(after["tasksuccess"])
        return Happened(text=tidy(after["observation"]), won=won, over=won or bool(after["taskfailure"]))


_live: ExpressSession | None = None  # the game the simulator of this process is at


@cache
def _simulator() -> Any:
    from textworld_express.constants import JAR_PATH

    return jvm(JAR_PATH).textworldexpress.runtime.PythonInterface()


def tidy(text: str) -> str:
    """The same text without space at the ends of lines and without empty lines."""
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


def act_tool(commands: str) -> ToolSpec:
    """The tool; `commands` tells what can be said, objects in capitals."""
    return ToolSpec(
        name="act",
        description=f"Commands: {commands}",
        parameters={"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
    )


def act_call(command: str) -> ToolCall:
    return ToolCall(name="act", arguments={"command": command})


@dataclass(kw_only=True)
class WorldEnvironment(ToolEnvironment):
    """Passes commands on. Solved means won by the simulator's rules; a game that is over is not won or lost again."""

    session: Session
    won: bool = False
    over: bool = False

    def run(self, call: ToolCall) -> Observation:
        if call.name == CALCULATOR.name:
            return calculate(call.arguments["expression"])
        command = call.arguments["command"]
        if len(command) > _MAX_COMMAND_CHARACTERS or not command.isprintable():
            return Observation(status="error", content=f"a command is one line of {_MAX_COMMAND_CHARACTERS} characters")
        happened = self.session.act(command)
        if not self.over:
            self.won, self.over = happened.won, happened.over
        return Observation(status="ok", content=happened.text)

    def verify(self, answer: str) -> bool:
        return self.won
