"""How a wrong value is explained: the field by name, the value, and the nearest right name where one was misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def explain(error: ValidationError, model: type[BaseModel], origin: str) -> str:
    """Every fault of what a person wrote for `model`, one a line; `origin` names the file."""
    return "\n".join(_line(item, model, origin) for item in error.errors())


def first_fault(error: ValidationError) -> str:
    """The first fault of a file that a program wrote: one is enough, the remedy is to write the file again."""
    item = error.errors()[0]
    return ": ".join(filter(None, (_place(item), item["msg"])))


def suggest(name: str, known: Iterable[str]) -> str:
    """The remedy for a name that is unknown: the nearest known one, or all of them."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose one of {', '.join(known)}"


def _line(item: ErrorDetails, model: type[BaseModel], origin: str) -> str:
    where = ": ".join(filter(None, (origin, _place(item))))
    match item["type"]:
        case "extra_forbidden":
            *parents, name = item["loc"]
            return f"{where}: unknown field; {suggest(str(name), _fields(model, parents))}"
        case "missing":
            return f"{where}: missing; add it"
        case "value_error":  # a validator of ours, which names the value itself
            return f"{where}: {item['msg'].removeprefix('Value error, ')}"
        case _:
            return f"{where} = {item['input']!r}: {item['msg'][:1].lower()}{item['msg'][1:]}"


def _place(item: ErrorDetails) -> str:
    return ".".join(str(part) for part in item["loc"])


def _fields(model: type[BaseModel], location: Iterable[int | str]) -> list[str]:
    """Names of the fields at `location`, below fields and the values of mappings and sequences."""
    kind: Any = model
    for part in location:
        fields = getattr(kind, "model_fields", {})
        kind = fields[part].annotation if part in fields else [each for each in get_args(kind) if each is not ...][-1]
    return list(kind.model_fields)
