"""Which worlds there are, and which of them training never sees."""

from __future__ import annotations

from components.agent.environment import Split
from components.tasks.tools.declared.calendar import CALENDAR
from components.tasks.tools.declared.clinic import CLINIC
from components.tasks.tools.declared.desks import COLLEGE, HELPDESK
from components.tasks.tools.declared.lending import FLEET, LIBRARY
from components.tasks.tools.declared.stocks import BANK, WAREHOUSE
from components.tasks.tools.schema import World

WORLDS: dict[str, World] = {
    world.name: world for world in (LIBRARY, FLEET, CALENDAR, CLINIC, WAREHOUSE, BANK, HELPDESK, COLLEGE)
}
HELD_OUT_WORLDS = frozenset({"clinic", "college"})


def worlds_of(split: Split) -> list[World]:
    """The worlds tasks of a split are set in: no world serves both."""
    return [world for name, world in WORLDS.items() if (name in HELD_OUT_WORLDS) == (split == "heldout")]
