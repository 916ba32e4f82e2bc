"""All everyday tools at once, for a conversation without a task: what a person who chats with a release works in."""

from __future__ import annotations

from dataclasses import dataclass

from components.agent.calculator import CALCULATOR, calculate
from components.agent.environment import Observation, ToolEnvironment
from components.agent.factbook import SEARCH, Knowledge
from components.agent.messages import ToolCall, ToolSpec

TOOLBOX: tuple[ToolSpec, ...] = (CALCULATOR, SEARCH)


@dataclass
class Toolbox(ToolEnvironment):
    """Calculator and search. Start it with `Toolbox(tools=TOOLBOX, knowledge=Knowledge.load())`."""

    knowledge: Knowledge | None = None

    def run(self, call: ToolCall) -> Observation:
        if call.name == CALCULATOR.name:
            return calculate(call.arguments["expression"])
        if self.knowledge is None:
            return Observation(status="denied", content="no documents to search here")
        return self.knowledge.search(call.arguments["query"])

    def verify(self, answer: str) -> bool:
        """Nobody set a task, so nothing is ever solved."""
        return False
