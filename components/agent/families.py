"""The registry of task families: what `params.trajectories.families` and `evaluation.held_out_families` may name."""

from __future__ import annotations

from collections.abc import Iterable

from components.agent.arithmetic import arithmetic_families
from components.agent.code import code_families
from components.agent.cot import cot_families
from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.agent.gym import absent_gym, gym_families
from components.agent.lookups import lookup_families
from components.agent.mathematics import mathematics_families
from components.agent.research.families import research_families
from components.agent.textworlds import absent_textworlds, textworld_families
from components.agent.worlds.families import world_families
from components.params import BadInput
from components.validation import suggest


def load_families(knowledge: Knowledge) -> dict[str, TaskFamily]:
    """Every family by name. Those that look things up search in `knowledge`."""
    families: list[TaskFamily] = [
        *arithmetic_families(knowledge),
        *lookup_families(knowledge),
        *code_families(),
        *mathematics_families(),
        *cot_families(),
        *world_families(),
        *research_families(knowledge),
        *textworld_families(),
        *gym_families(),
    ]
    return {family.name: family for family in families}


def choose_families(families: dict[str, TaskFamily], names: Iterable[str], field: str) -> dict[str, TaskFamily]:
    """The families called `names`. Raises BadInput naming `field` of params.yaml for one that does not exist, or not on
    this machine."""
    chosen = list(names)
    for name in chosen:
        if name not in families:
            absent = absent_textworlds() | absent_gym()
            if name in absent:
                raise BadInput(f"{field}: task family {name!r} {absent[name]}")
            raise BadInput(f"{field}: no task family {name!r}; {suggest(name, sorted(families))}")
    return {name: families[name] for name in chosen}
