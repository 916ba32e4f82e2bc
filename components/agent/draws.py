"""Randomness with a name: generators and splits as pure functions of what they are for."""

from __future__ import annotations

import hashlib
import random

from components.agent.environment import Split

HELD_OUT_IN = 5  # one key of this many belongs to the held-out split


def named_rng(*names: object) -> random.Random:
    """A generator seeded by its names, the same on every machine."""
    return random.Random(_digest(names))


def split_of(*key: object) -> Split:
    """Which split a key (operands, a country) belongs to, for good."""
    return "heldout" if _digest(("split", *key)) % HELD_OUT_IN == 0 else "train"


def _digest(names: tuple[object, ...]) -> int:
    return int.from_bytes(hashlib.sha256("\x1f".join(map(str, names)).encode()).digest()[:8], "big")
