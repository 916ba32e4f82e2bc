"""A game as an environment: one tool, `act`, and the simulator's own score as verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from components.agent.calculator import CALCULATOR, calculate
from components.agent.environment import Observation, ToolEnvironment
from components.agent.messages import ToolCall, ToolSpec

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
