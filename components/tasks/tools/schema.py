"""The words in which a world is declared: tables, terms, conditions, effects, tools, policies.

A declaration is data. `interpreter.py` gives it meaning over any mapping from keys to rows, so the planner's plain
dictionaries and the environment's SQLite obey the same rules. Reads follow from the tables; only writes are declared.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

Value = str | int | None
Row = dict[str, Value]
Rows = dict[str, Row]  # by key; a key spells its table in its letters: B1204 is a book


@dataclass(frozen=True, kw_only=True)
class Column:
    """What a column may hold: one of `choices`, a number, a day (YYYY-MM-DD) or a key of the table it `refers` to.

    `empty_share` of the rows hold nothing; a column that is `empty_with` another one is empty exactly where that is.
    """

    name: str
    choices: tuple[str, ...] = ()
    numbers: range | None = None
    refers: str = ""
    empty_share: float = 0.0
    empty_with: str = ""

    @property
    def is_integer(self) -> bool:
        return self.numbers is not None

    @property
    def is_day(self) -> bool:
        return not (self.choices or self.numbers or self.refers)


def one_of(name: str, *choices: str) -> Column:
    return Column(name=name, choices=choices)


def number(name: str, low: int, high: int) -> Column:
    return Column(name=name, numbers=range(low, high + 1))


def day(name: str, empty_with: str = "") -> Column:
    return Column(name=name, empty_with=empty_with)


def ref(name: str, table: str, empty_share: float = 0.0) -> Column:
    return Column(name=name, refers=table, empty_share=empty_share)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of one kind. People name a row by its `label` column, whose values are distinct; a table without one by the
    row that its `owner` column refers to ("the appointment of Ada Lind")."""

    name: str
    noun: str
    prefix: str
    columns: tuple[Column, ...]
    label: str = ""
    owner: str = ""

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}


@dataclass(frozen=True)
class Arg:
    """An argument of the call or, with a column, that column of the row the argument names."""

    name: str
    column: str = ""


@dataclass(frozen=True)
class Sum:
    """`left` plus `sign` times `right`."""

    left: Term
    right: Term
    sign: Literal[1, -1] = 1


@dataclass(frozen=True)
class Count:
    """How many rows of a table hold these values."""

    table: str
    where: Mapping[str, Term]


Term = Value | Arg | Sum | Count
Operator = Literal["==", "!=", "<="]


@dataclass(frozen=True)
class Condition:
    """`left operator right`. `says` is what the tool answers where it does not hold; {param} stands for an argument."""

    left: Term
    operator: Operator
    right: Term
    says: str = ""


@dataclass(frozen=True)
class Change:
    """Set columns of the row an argument names."""

    arg: str
    values: Mapping[str, Term]


@dataclass(frozen=True)
class Create:
    """Add a row; its key follows from its content."""

    table: str
    values: Mapping[str, Term]


@dataclass(frozen=True)
class Remove:
    """Delete the row an argument names."""

    arg: str


Effect = Change | Create | Remove


@dataclass(frozen=True, kw_only=True)
class Param:
    """A parameter: a key of the table it `refers` to, or a value such as `like` holds. `also` are other
    names."""

    name: str
    refers: str = ""
    like: Column | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A rule of the house: the call is forbidden where `when` holds. `fact` is what shows that it does."""

    when: Condition
    fact: Arg
    rule: str


@dataclass(frozen=True, kw_only=True)
class Write:
    """A tool that changes the world. A person asks for it with `request` and, where a parameter has one, its tail."""

    name: str
    verbs: tuple[str, ...]
    noun: str
    does: tuple[str, ...]
    params: tuple[Param, ...]
    effects: tuple[Effect, ...]
    request: tuple[str, ...]
    tails: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[Condition, ...] = ()
    policies: tuple[Policy, ...] = ()

    @property
    def changed_arg(self) -> str:
        """The argument whose row the tool changes first, readable by its key; "" where there is none."""
        first = self.effects[0]
        return first.arg if isinstance(first, Change) else ""


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


@dataclass(frozen=True, kw_only=True)
class World:
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


def _reads(table: Table) -> list[Read]:
    reads = [Read(name=f"show_{table.noun}", verb="show", table=table, param=Param(name=table.noun, refers=table.name))]
    if table.label:
        label = table.by_name[table.label]
        reads.append(
            Read(
                name=f"find_{table.noun}",
                verb="find",
                table=table,
                param=Param(name=label.name, like=label),
                column=label.name,
            )
        )
    reads += [
        Read(
            name=f"list_{table.name}_of_{column.name}",
            verb="list",
            table=table,
            param=Param(name=column.name, refers=column.refers),
            column=column.name,
        )
        for column in table.columns
        if column.refers
    ]
    return reads
