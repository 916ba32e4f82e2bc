"""A game as an environment: one tool, `act`, and the simulator's own score as verdict."""

from __future__ import annotations

import json
from dataclasses import dataclass
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
    """One running game. Sessions of one process share a JVM and nothing else."""

    @property
    def task(self) -> str:
        """What the simulator asks for."""
        ...

    @property
    def first_look(self) -> str: ...

    def act(self, command: str) -> Happened: ...


class ExpressSession:
    """A game of TextWorldExpress (Jansen and Côté, 2022): `game` with `settings` like `numLocations=4`, from a seed.

    The train split plays the simulator's train fold, the held-out split its test fold.
    """

    def __init__(self, game: str, settings: str, seed: int, split: Split) -> None:
        from textworld_express.constants import JAR_PATH

        self._game = jvm(JAR_PATH).textworldexpress.runtime.PythonInterface()
        fault = self._game.load(game, settings)
        assert not fault, fault
        fold = "train" if split == "train" else "test"
        started: dict[str, Any] = json.loads(self._game.generateNewGameJSON(seed, fold, False))
        self.task = tidy(str(self._game.getTaskDescription()))
        self.first_look = tidy(started["observation"])

    def act(self, command: str) -> Happened:
        after: dict[str, Any] = json.loads(self._game.stepJSON(command))
        won = bool(after["tasksuccess"])
        return Happened(text=tidy(after["observation"]), won=won, over=won or bool(after["taskfailure"]))


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
