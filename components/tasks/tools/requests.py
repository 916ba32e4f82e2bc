"""What is asked: a populated world, actions drawn in it, and the words a person would ask with."""

from __future__ import annotations

import datetime
import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.tasks.tools.expressions import Value
from components.tasks.tools.interpreter import after, forbidden, unmet, write
from components.tasks.tools.planner import keys_of, plan_reads, plan_writes
from components.tasks.tools.schema import Action, World, Write
from components.tasks.tools.tables import Domain, Row, Rows, Table

_FIRST_DAY = datetime.date(2026, 3, 2)
_DAYS = 60
_ROWS = (3, 5)
_DRAWS = 40  # of arguments for one tool before another is tried

_REPLY_RULES = (
    "Begin your answer with Done, Refused, Missing or Failed.",
    "The first word of your answer is Done, Refused, Missing or Failed.",
    "Answer Done, Refused, Missing or Failed, and with what.",
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """Actions to be taken in a populated world, and how things are named: by what people call them, or by id."""

    rows: Rows
    actions: tuple[Action, ...]
    by_name: bool

    @property
    def values(self) -> tuple[Value, ...]:
        return tuple(value for action in self.actions for value in action.arguments.values())


def populate(rng: random.Random, world: World) -> Rows:
    """Rows for every table. References point to tables declared before."""
    rows: Rows = {}
    for table in world.tables:
        keys = [f"{table.prefix}{number}" for number in rng.sample(range(100, 1000), rng.randint(*_ROWS))]
        labels = rng.sample(table.by_name[table.label].choices, len(keys)) if table.label else []
        for index, key in enumerate(keys):
            row: Row = {}
            for column in table.columns:
                if column.name == table.label:
                    row[column.name] = labels[index]
                elif column.empty_with:
                    row[column.name] = None if row[column.empty_with] is None else draw_value(rng, column)
                elif column.refers:
                    empty = rng.random() < column.empty_share
                    row[column.name] = None if empty else rng.choice(_keys(world, rows, column.refers))
                else:
                    row[column.name] = draw_value(rng, column)
            rows[key] = row
    return rows


def draw_value(rng: random.Random, domain: Domain) -> Value:
    """A value such as a column or a parameter may hold; not for references."""
    if domain.choices:
        return rng.choice(domain.choices)
    if domain.numbers is not None:
        return rng.randint(*domain.numbers)
    return (_FIRST_DAY + datetime.timedelta(days=rng.randrange(_DAYS))).isoformat()


def draw_action(rng: random.Random, world: World, rows: Mapping[str, Row], tool: Write) -> Action:
    """Any call of the tool; it need not be possible."""
    arguments: dict[str, Value] = {}
    for param in tool.params:
        if param.refers:
            arguments[param.name] = rng.choice(_keys(world, rows, param.refers))
        else:
            arguments[param.name] = draw_value(rng, param)
    return Action(tool=tool.name, arguments=arguments)


def draw_request(
    rng: random.Random, world: World, *, by_name: bool, tools: Sequence[Write], violates: bool = False
) -> Request:
    """One action that is possible, nameable and changes something; with `violates` one that only a policy forbids."""
    while True:
        rows = populate(rng, world)
        tool = rng.choice(tools)
        for _ in range(_DRAWS):
            action = draw_action(rng, world, rows, tool)
            if unmet(world, tool, action.arguments, rows) is not None:
                continue
            if (forbidden(world, tool, action.arguments, rows) is not None) != violates:
                continue
            reached = dict(rows)
            write(world, action, reached, enforce=False)
            if reached != rows and (not by_name or nameable(world, rows, action)):
                return Request(rows=rows, actions=(action,), by_name=by_name)


def draw_pair(rng: random.Random, world: World) -> Request:
    """Two actions by name, both needed, whose end state does not depend on a choice of order."""
    while True:
        first = draw_request(rng, world, by_name=True, tools=world.writes)
        tool = rng.choice(world.writes)
        middle = after(world, first.actions, first.rows)
        assert middle is not None
        for _ in range(_DRAWS):
            # Keys of rows that are there at the start: what the first action adds has no name yet.
            second = draw_action(rng, world, first.rows, tool)
            keys = [value for value in second.arguments.values() if value in first.rows]
            if any(key not in middle for key in keys) or not nameable(world, first.rows, second):
                continue
            request = Request(rows=first.rows, actions=(*first.actions, second), by_name=True)
            ends = [after(world, order, first.rows) for order in itertools.permutations(request.actions)]
            if ends[0] is None or ends[1] not in (None, ends[0]):
                continue
            plan = plan_writes(world, first.rows, ends[0], values=request.values, max_writes=2)
            if plan is not None and len(plan) == len(request.actions):
                return request


def nameable(world: World, rows: Mapping[str, Row], action: Action) -> bool:
    """Whether a person can name every row the action names: no two rows have the same owner."""
    for key in (value for value in action.arguments.values() if isinstance(value, str) and value in rows):
        table = world.table_of(key)
        assert table is not None
        if not table.label and _rivals(world, rows, table, key):
            return False
    return True


def describe_request(rng: random.Random, world: World, request: Request, *, without: str = "") -> str:
    """The prompt: the place, what is wanted, how to answer. `without` is the parameter that is left out."""
    bare = rng.random() < 0.5
    sentences = [_sentence(rng, world, request, action, bare, without) for action in request.actions]
    if len(sentences) > 1:
        rng.shuffle(sentences)
        start = rng.choice(("Both are wanted, in an order that works:", "Do these two, in the order that works:"))
        wanted = f"{start} {'; '.join(sentences)}."
    else:
        wanted = f"{sentences[0]}."
    place = rng.choice(("This is {}.", "You work for {}.", "")).format(world.setting)
    return " ".join(part for part in (place, wanted, rng.choice(_REPLY_RULES)) if part)


def name_of(world: World, rows: Mapping[str, Row], key: str, *, bare: bool = True) -> str:
    """What people call a row: "Emma", "the book Emma", "the account of Ada Lind"."""
    table = world.table_of(key)
    assert table is not None
    if table.label:
        label = str(rows[key][table.label])
        return label if bare else f"the {table.noun} {label}"
    return f"the {table.noun} of {name_of(world, rows, str(rows[key][table.owner]))}"


def reads_for(world: World, request: Request) -> tuple[Action, ...]:
    """The reads by which the rows a request names are found; none where it names ids."""
    if not request.by_name:
        return ()
    return tuple(plan_reads(world, request.rows, keys_of(world, request.actions)))


def show_action(world: World, key: str) -> Action:
    """The read that shows the row of a key."""
    table = world.table_of(key)
    assert table is not None
    return Action(tool=f"show_{table.noun}", arguments={table.noun: key})


def _sentence(rng: random.Random, world: World, request: Request, action: Action, bare: bool, without: str) -> str:
    tool = world.write(action.tool)
    words: dict[str, object] = {}
    for param in tool.params:
        value = action.arguments[param.name]
        if not param.refers:
            words[param.name] = value
        elif request.by_name:
            words[param.name] = name_of(world, request.rows, str(value), bare=bare)
        else:
            words[param.name] = f"{world.table[param.refers].noun} {value}"
    tails = [text for name, text in tool.tails.items() if name != without]
    sentence = (rng.choice(tool.request) + "".join(tails)).format(**words)
    return sentence[0].upper() + sentence[1:]


def _rivals(world: World, rows: Mapping[str, Row], table: Table, key: str) -> list[str]:
    owner = rows[key][table.owner]
    return [other for other in _keys(world, rows, table.name) if other != key and rows[other][table.owner] == owner]


def _keys(world: World, rows: Mapping[str, Row], table: str) -> list[str]:
    wanted = world.table[table]
    return [key for key in rows if world.table_of(key) is wanted]
