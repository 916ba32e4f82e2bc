"""The everyday tools together: what tasks offer beside the tool they need, and what a chat with a release works in."""

from __future__ import annotations

import random
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


def offer(rng: random.Random, needed: ToolSpec) -> tuple[ToolSpec, ...]:
    """The needed tool alone, or in a quarter of the tasks the whole toolbox in any order.

    A model that only ever sees one tool learns which tool was offered, not which one the task asks for.
    """
    return (needed,) if rng.random() < 0.75 else tuple(rng.sample(TOOLBOX, len(TOOLBOX)))
