"""How each source of the starter corpus becomes documents; one module a kind of text.

A reader takes the archives of its packages and yields `Entry` values in a fixed order. `build_starter.py` runs them;
no stage of the pipeline imports them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One document to be: where it lay in its package, its text, and structured facts if it has any."""

    path: str
    text: str
    metadata: dict[str, Any] = field(default_factory=dict)


def sample(entries: Iterable[Entry], share: float) -> Iterator[Entry]:
    """Keep about `share` of the entries, chosen by the hash of their path: the same ones on every machine."""
    for entry in entries:
        if int.from_bytes(hashlib.sha256(entry.path.encode()).digest()[:4], "big") < share * 2**32:
            yield entry
