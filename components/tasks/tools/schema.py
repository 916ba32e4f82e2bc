"""The words in which a world is declared: its tables, and the tools over them with their needs, effects and policies.

A declaration is data, a file of `worlds/`. `interpreter.py` gives it meaning over any mapping from keys to rows, so the
planner's plain dictionaries and the environment's SQLite obey the same rules. Reads follow from the tables; only writes
are declared. A declaration that does not hold together is refused by the validators here.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from components.tasks.tools.expressions import Arg, ConditionText, Count, TermText, Value, parts_of
from components.tasks.tools.tables import Declared, Param, Table, check_known


class Need(Declared):
    """A condition of a write. `text` is what the tool answers where it does not hold; {param} is an argument."""

    that: ConditionText
    text: str


class Effect(Declared):
    """Change columns of the row an argument names, create a row of a table (its key follows from its content), or
    remove the row an argument names."""

    change: str = ""
    create: str = ""
    remove: str = ""
    values: dict[str, TermText] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if sum(map(bool, (self.change, self.create, self.remove))) != 1 or bool(self.remove) == bool(self.values):
            raise ValueError("an effect has one of change, create and remove; the first two have values")
        return self


class Policy(Declared):
    """A rule of the house: the call is forbidden where `when` holds. The column on its left is what shows it."""

    when: ConditionText
    rule: str

    @property
    def fact(self) -> Arg:
        assert isinstance(self.when.left, Arg)
        return self.when.left

    @model_validator(mode="after")
    def _shows_in_a_row(self) -> Self:
        if not isinstance(self.when.left, Arg) or not self.when.left.column:
            raise ValueError("a policy looks at a column of a row; write `when: ARGUMENT.COLUMN == VALUE`")
        return self


class Write(Declared):
    """A tool that changes the world. A person asks for it with `request` and, where a parameter has one, its tail: what
    may be left out is said in the tail and nowhere else."""

    name: str
    verbs: tuple[str, ...]
    noun: str
    does: tuple[str, ...]
    params: tuple[Param, ...]
    needs: tuple[Need, ...] = ()
    effects: tuple[Effect, ...] = Field(min_length=1)
    policies: tuple[Policy, ...] = ()
    request: tuple[str, ...]
    tails: dict[str, str] = Field(default_factory=dict)

    @property
    def changed_arg(self) -> str:
        """The argument whose row the tool changes first; "" where it creates or removes it."""
        return self.effects[0].change

    @model_validator(mode="after")
    def _says_what_it_takes(self) -> Self:
        names = {param.name for param in self.params}
        for text in (need.text for need in self.needs):
            check_known(f"{self.name}: {text!r}", "parameter", _slots(text), names)
        for request in self.request:
            if _slots(request + "".join(self.tails.values())) != names:
                raise ValueError(f"{self.name}: {request!r} and the tails must have the slots {sorted(names)}")
        if set(self.tails) != {param.name for param in self.params if not param.refers}:
            raise ValueError(f"{self.name}: give a tail to each parameter that refers to no table, and to no other")
        for name, tail in self.tails.items():
            if _slots(tail) != {name}:
                raise ValueError(f"{self.name}: the tail {tail!r} must have the slot {{{name}}} alone")
        return self


@dataclass(frozen=True, kw_only=True)
class Read:
    """A tool that shows rows: `find` by label, `show` by key, `list` by the key a column refers to."""

    name: str
    verb: Literal["find", "show", "list"]
    table: Table
    param: Param
    column: str = ""

    @property
    def params(self) -> tuple[Param, ...]:
        return (self.param,)


Tool = Read | Write


class World(Declared):
    """Tables and the writes over them. `setting` is the place as a person would name it."""

    name: str
    setting: str
    tables: tuple[Table, ...]
    writes: tuple[Write, ...]

    @cached_property
    def reads(self) -> tuple[Read, ...]:
        return tuple(read for table in self.tables for read in _reads(table))

    @cached_property
    def tools(self) -> dict[str, Tool]:
        tools: list[Tool] = [*self.reads, *self.writes]
        return {tool.name: tool for tool in tools}

    @cached_property
    def table(self) -> dict[str, Table]:
        return {table.name: table for table in self.tables}

    @cached_property
    def by_prefix(self) -> dict[str, Table]:
        return {table.prefix: table for table in self.tables}

    def write(self, name: str) -> Write:
        """The write of this name."""
        tool = self.tools[name]
        assert isinstance(tool, Write)
        return tool

    def offering(self, names: Container[str]) -> World:
        """The world with only those writes; its reads follow from its tables."""
        writes = tuple(tool for tool in self.writes if tool.name in names)
        return World(name=self.name, setting=self.setting, tables=self.tables, writes=writes)

    def table_of(self, key: str) -> Table | None:
        """The table a key belongs to by its letters, or None."""
        return self.by_prefix.get(key.rstrip("0123456789"))

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> Self:
        before: list[str] = []
        for table in self.tables:
            refers = [column.refers for column in table.columns if column.refers]
            check_known(f"table {table.name!r}", "earlier table", refers, before)
            before.append(table.name)
        for tool in self.writes:
            rows = {param.name: param.refers for param in tool.params}
            check_known(tool.name, "table", filter(None, rows.values()), before)
            for part in _parts(tool):
                if isinstance(part, Count):
                    check_known(tool.name, "table", [part.table], before)
                    check_known(tool.name, f"column of {part.table}", part.where, self.table[part.table].by_name)
                    continue
                check_known(tool.name, "parameter", [part.name], rows)
                if part.column:
                    self._has_columns(tool, rows[part.name], [part.column])
            for effect in tool.effects:
                check_known(tool.name, "parameter", filter(None, [effect.change, effect.remove]), rows)
                if effect.change:
                    self._has_columns(tool, rows[effect.change], effect.values)
                if effect.create:
                    self._has_columns(tool, effect.create, effect.values)
                    check_known(tool.name, "value in the new row for", self.table[effect.create].by_name, effect.values)
        return self

    def _has_columns(self, tool: Write, table: str, columns: Iterable[str]) -> None:
        check_known(tool.name, "table", [table], self.table)
        check_known(tool.name, f"column of {table}", columns, self.table[table].by_name)


@dataclass(frozen=True, kw_only=True)
class Action:
    """A call in canonical names, before any dialect."""

    tool: str
    arguments: Mapping[str, Value]

    def with_argument(self, name: str, value: Value) -> Action:
        """The same call with another value for one argument."""
        return Action(tool=self.tool, arguments={**self.arguments, name: value})


class Fact(NamedTuple):
    """What a column of a row holds."""

    key: str
    column: str
    value: Value


def combine(*worlds: World) -> World:
    """Several worlds side by side. Tables, prefixes and tools have different names throughout."""
    return World(
        name="+".join(world.name for world in worlds),
        setting=worlds[0].setting,
        tables=tuple(table for world in worlds for table in world.tables),
        writes=tuple(write for world in worlds for write in world.writes),
    )


def _reads(table: Table) -> Iterator[Read]:
    param = Param(name=table.noun, refers=table.name)
    yield Read(name=f"show_{table.noun}", verb="show", table=table, param=param)
    if table.label:
        param = Param(name=table.label, choices=table.by_name[table.label].choices)
        yield Read(name=f"find_{table.noun}", verb="find", table=table, param=param, column=table.label)
    for column in table.columns:
        if column.refers:
            name, param = f"list_{table.name}_of_{column.name}", Param(name=column.name, refers=column.refers)
            yield Read(name=name, verb="list", table=table, param=param, column=column.name)


def _parts(tool: Write) -> Iterator[Arg | Count]:
    """The arguments and counts in all terms of a tool."""
    for condition in (*(need.that for need in tool.needs), *(policy.when for policy in tool.policies)):
        yield from parts_of(condition)
    for effect in tool.effects:
        for term in effect.values.values():
            yield from parts_of(term)


def _slots(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", text))
