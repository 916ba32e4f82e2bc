"""Families without the Factbook, ways to play them, and calls that fit a schema but mean nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, get_args

from hypothesis import strategies as st

from components.agent.environment import Split, Task
from components.agent.episode_loop import Conversation
from components.agent.messages import ToolCall, ToolSpec
from components.agent.turns import compose_turn, turn_text
from components.tasks.tools.environment import WorldEnvironment
from components.tasks.tools.families import families as world_families
from components.tasks.tools.family import WorldFamily
from components.tasks.tools.player import Solver
from components.tasks.tools.registry import WORLD_NAMES, load_world
from components.tasks.tools.requests import draw_action, populate
from components.tasks.tools.schema import Action, World
from components.tasks.tools.tables import Rows
from components.trajectories.episodes import Synthesizer

FAMILIES: dict[str, WorldFamily] = {family.name: family for family in world_families()}
SPLITS: tuple[Split, ...] = get_args(Split)
WORLDS = {name: load_world(name) for names in WORLD_NAMES.values() for name in names}
HELD_OUT_WORLDS = frozenset(WORLD_NAMES["heldout"])
SYNTHESIZER = Synthesizer(dict(FAMILIES), "none is needed")

seeds = st.integers(0, 10**6)


class FixedAnswer:
    """A policy that answers at once and always the same."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def fits(self, conversation: Conversation) -> bool:
        return True

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        return [turn_text(compose_turn(summary=self.answer))] * len(conversations)


def populated(world: World, seed: int) -> tuple[random.Random, Rows]:
    rng = random.Random(seed)
    return rng, populate(rng, world)


@st.composite
def some_actions(draw: st.DrawFn) -> tuple[World, Rows, list[Action]]:
    """A populated world and calls in it, most of which fail."""
    world = WORLDS[draw(st.sampled_from(sorted(WORLDS)))]
    rng, rows = populated(world, draw(seeds))
    actions = [draw_action(rng, world, rows, rng.choice(world.writes)) for _ in range(8)]
    return world, rows, actions


def tasks(name: str, count: int, wanted: Callable[[Task], bool] = lambda task: True) -> list[Task]:
    """The first tasks of a family, of both splits in turn, that are as `wanted`."""
    found: list[Task] = []
    seed = 0
    while len(found) < count:
        task = FAMILIES[name].sample(seed, SPLITS[seed % 2])
        seed += 1
        if wanted(task):
            found.append(task)
    return found


def begin(task: Task) -> tuple[WorldEnvironment, Solver]:
    """A fresh environment and somebody who knows the plan and the dialect."""
    return WorldEnvironment.start(task), Solver.of(task, random.Random(0))


def run_plan(environment: WorldEnvironment, solver: Solver) -> None:
    for action in (*solver.reads, *solver.writes):
        assert environment.execute(solver.dialect.call(action)).status == "ok"


def random_call(rng: random.Random, spec: ToolSpec, words: Sequence[str]) -> ToolCall:
    """Arguments that fit the schema."""
    return ToolCall(name=spec.name, arguments=_fill(rng, spec.parameters, words))


def _fill(rng: random.Random, schema: dict[str, Any], words: Sequence[str]) -> Any:
    if schema["type"] == "object":
        return {name: _fill(rng, inner, words) for name, inner in schema["properties"].items()}
    if schema["type"] == "integer":
        value = rng.randint(schema["minimum"], schema["maximum"])
        return rng.choice((value, float(value)))  # JSON's 3.0 is an integer to JSON schema
    if "enum" in schema:
        return rng.choice(schema["enum"])
    return rng.choice(("2026-03-09", "2026-99-99")) if "pattern" in schema else rng.choice(words)
