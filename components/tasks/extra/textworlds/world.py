"""A game as an environment: one tool, `act`, and the simulator's own score as verdict."""

from __future__ import annotations

from dataclasses import dataclass

from components.agent.calculator import CALCULATOR, calculate
from components.agent.environment import Observation, ToolEnvironment
from components.agent.messages import ToolCall, ToolSpec
from components.tasks.extra.textworlds.sessions import Session

_MAX_COMMAND_CHARACTERS = 120


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
        result = self.session.act(command)
        if not self.over:
            self.won, self.over = result.won, result.over
        return Observation(status="ok", content=result.text)

    def verify(self, answer: str) -> bool:
        return self.won
