"""What rows hold: columns, the tables they stand in, and the lists of names they are drawn from."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from components.core.params import read_yaml
from components.core.validation import suggest
from components.tasks.tools.expressions import Value

Row = dict[str, Value]
Rows = dict[str, Row]  # by key; a key spells its table in its letters: B1204 is a book

_NAMES = Path(__file__).with_name("names.yaml")


class Declared(BaseModel):
    """A part of a declaration. It refuses unknown fields and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@cache
def _names() -> dict[str, list[str]]:
    names: dict[str, list[str]] = read_yaml(_NAMES)
    return names


def _listed_names(choices: object) -> object:
    """The list of `names.yaml` that a text names; anything else stays as it is."""
    if not isinstance(choices, str):
        return choices
    if choices not in _names():
        raise ValueError(f"{_NAMES.name} has no list {choices!r}; {suggest(choices, _names())}")
    return _names()[choices]


class Domain(Declared):
    """What a column or a parameter may hold: one of `choices`, a number (both bounds are included), a day (YYYY-MM-DD)
    or a key of the table it `refers` to. A choice that stands there twice is drawn twice as often."""

    name: str
    choices: Annotated[tuple[str, ...], BeforeValidator(_listed_names)] = ()
    numbers: tuple[int, int] | None = None
    day: bool = False
    refers: str = ""

    def may_hold(self, value: Value) -> bool:
        """Whether a value is of its kind; not for references."""
        if self.choices:
            return value in self.choices
        if self.numbers is not None:
            return isinstance(value, int) and self.numbers[0] <= value <= self.numbers[1]
        return isinstance(value, str) and len(value) == 10 and value[4] == value[7] == "-"

    @model_validator(mode="after")
    def _holds_one_thing(self) -> Self:
        if sum(map(bool, (self.choices, self.numbers, self.day, self.refers))) != 1:
            raise ValueError(f"{self.name!r} holds nothing or two things; give one of choices, numbers, day, refers")
        return self


class Column(Domain):
    """A column. `empty_share` of the rows hold nothing; one that is `empty_with` another is empty where that is."""

    empty_share: float = Field(0.0, ge=0, le=1)
    empty_with: str = ""


class Param(Domain):
    """A parameter. `also` are other names a dialect may give it."""

    also: tuple[str, ...] = ()


class Table(Declared):
    """Rows of one kind. People name a row by its `label` column, whose values are distinct; a table without one by the
    row that its `owner` column refers to ("the appointment of Ada Lind")."""

    name: str
    noun: str
    prefix: str = Field(pattern="^[A-Z]+$")
    columns: tuple[Column, ...]
    label: str = ""
    owner: str = ""

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if bool(self.label) == bool(self.owner):
            raise ValueError(f"table {self.name!r}: give it a label or an owner, not both")
        check_known(f"table {self.name!r}", "column", [self.label or self.owner], self.by_name)
        labels = self.by_name[self.label].choices if self.label else ()
        if len(labels) != len(set(labels)):
            raise ValueError(f"table {self.name!r}: a name stands twice in {self.label!r}; take one out")
        return self


def check_known(where: str, what: str, names: Iterable[str], known: Collection[str]) -> None:
    """Raises ValueError for the first name that is not known."""
    for name in names:
        if name not in known:
            raise ValueError(f"{where}: no {what} {name!r}; {suggest(name, sorted(known))}")
