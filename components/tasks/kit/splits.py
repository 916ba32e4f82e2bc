"""Which split a question belongs to, as a pure function of what it asks."""

from __future__ import annotations

from components.agent.environment import Split
from components.core.seeding import named_number

HELD_OUT_IN = 5  # one key of this many belongs to the held-out split


def split_of(*key: object) -> Split:
    """The split of a key (operands, a country). It never changes."""
    return "heldout" if named_number("split", *key) % HELD_OUT_IN == 0 else "train"
