"""One of a few names, as a person writes it."""

from __future__ import annotations

from typing import Any, get_args


def choose(field: str, name: str, names: Any) -> Any:
    """`name` if the literal type `names` has it. Raises ValueError naming the field and what there is."""
    if name not in get_args(names):
        raise ValueError(f"{field} = {name!r}: choose one of {list(get_args(names))}")
    return name
