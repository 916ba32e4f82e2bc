"""Which worlds there are, in which split, and how their files are read."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import ValidationError

from components.agent.environment import Split
from components.core.errors import BadInput
from components.core.params import read_yaml
from components.core.validation import explain
from components.tasks.tools.schema import World, combine

FOLDER = Path(__file__).parent / "worlds"
# Tasks are drawn in this order: a new world goes to the end.
WORLD_NAMES: dict[Split, tuple[str, ...]] = {
    "train": ("library", "fleet", "calendar", "warehouse", "bank", "helpdesk"),
    "heldout": ("clinic", "college"),
}


def read_world(path: Path) -> World:
    """Read and validate a declaration. Raises BadInput naming every wrong field, its value and the remedy."""
    try:
        return World.model_validate(read_yaml(path))
    except ValidationError as error:
        raise BadInput(explain(error, World, str(path))) from None


@cache
def load_world(name: str) -> World:
    """The world of a file in `worlds/`."""
    return read_world(FOLDER / f"{name}.yaml")


def worlds_of(split: Split) -> list[World]:
    """The worlds tasks of a split are set in: no world serves both."""
    return [load_world(name) for name in WORLD_NAMES[split]]


def world_of(names: list[str]) -> World:
    """The world, or several side by side."""
    return combine(*map(load_world, names)) if len(names) > 1 else load_world(names[0])
