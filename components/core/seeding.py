"""Random generators with a name: a generator is a pure function of what it is for."""

from __future__ import annotations

import hashlib
import random


def named_rng(*names: object) -> random.Random:
    """A generator seeded by its names, the same on every machine."""
    return random.Random(named_number(*names))


def named_number(*names: object) -> int:
    """A number below 2**64 that depends on the names alone (SHA-256)."""
    return int.from_bytes(hashlib.sha256("\x1f".join(map(str, names)).encode()).digest()[:8], "big")
