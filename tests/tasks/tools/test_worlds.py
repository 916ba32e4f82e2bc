"""Declarations are sound; SQLite and plain dictionaries obey them alike; a state's hash sees all but order."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world_episodes import HELD_OUT_WORLDS, WORLDS, populated, seeds, some_actions

from components.core.errors import BadInput
from components.tasks.tools.database import Database, state_hash
from components.tasks.tools.interpreter import unmet, write
from components.tasks.tools.registry import FOLDER, read_world, worlds_of
from components.tasks.tools.requests import draw_action
from components.tasks.tools.schema import Action, World, Write, combine
from components.tasks.tools.tables import Row, Rows

ALL = list(WORLDS.values())


def test_there_are_eight_worlds_and_two_are_held_out() -> None:
    assert len(ALL) == 8 and len(HELD_OUT_WORLDS) == 2 and set(WORLDS) >= HELD_OUT_WORLDS
    assert not {world.name for world in worlds_of("train")} & HELD_OUT_WORLDS
    assert {world.name for world in worlds_of("heldout")} == HELD_OUT_WORLDS
    assert {path.stem for path in FOLDER.iterdir()} == set(WORLDS), "a file that is in no split"
    assert all(world.name == name for name, world in WORLDS.items())


def test_a_name_says_what_kind_of_thing_it_is() -> None:
    labels = {table.by_name[table.label].choices for world in ALL for table in world.tables if table.label}
    names = [name for choices in labels for name in choices]
    assert len(names) == len(set(names)) > 100


def test_worlds_can_stand_side_by_side() -> None:
    whole = combine(*ALL)
    for names in (
        [table.name for table in whole.tables],
        [table.noun for table in whole.tables],
        [table.prefix for table in whole.tables],
        [tool.name for world in ALL for tool in world.tools.values()],
    ):
        assert len(names) == len(set(names))


@pytest.mark.parametrize("world", ALL, ids=list(WORLDS))
def test_a_declaration_holds_together(world: World) -> None:
    known: set[str] = set()
    for table in world.tables:
        assert bool(table.label) != bool(table.owner), "a row is named by its label or by its owner"
        assert all(not column.refers or column.refers in known for column in table.columns)
        known.add(table.name)
        labels = table.by_name[table.label].choices if table.label else ()
        assert len(labels) == len(set(labels))
    assert any(tool.policies for tool in world.writes) and any(tool.tails for tool in world.writes)
    for tool in world.writes:
        names = {param.name for param in tool.params}
        assert all(
            sum(map(bool, (param.refers, param.choices, param.numbers, param.day))) == 1 for param in tool.params
        )
        for request in tool.request:
            said = set(re.findall(r"{(\w+)}", request + "".join(tool.tails.values())))
            assert said == names, tool.name
        # What may be left out is left out with its tail, and nowhere else.
        assert all(set(re.findall(r"{(\w+)}", tail)) == {param} for param, tail in tool.tails.items())
        assert {param.name for param in tool.params if not param.refers} == set(tool.tails)
        assert not any(character.isdigit() for policy in tool.policies for character in policy.rule)


@pytest.mark.parametrize(
    ("written", "instead", "fault"),
    [
        ("verbs: [lend,", "verb: [lend,", "writes.0.verb: unknown field; did you mean 'verbs'?"),
        ("  - name: books\n", "  - title: books\n", "tables.1.name: missing; add it"),
        ("choices: people", "choices: poeple", "tables.0.columns.0.choices: names.yaml has no list 'poeple'; did you"),
        (
            '["no", "no", "yes"]',
            "[no, no, yes]",
            "columns.1.choices.0 = False: input should be a valid string",
        ),
        ("day: true, empty_with", "empty_with", "tables.1.columns.3: 'due' holds nothing or two things; give one of"),
        ("    label: title\n", "", "tables.1: table 'books': give it a label or an owner, not both"),
        ("label: title", "label: titel", "tables.1: table 'books': no column 'titel'; did you mean 'title'?"),
        (
            "refers: members, empty",
            "refers: member, empty",
            "no earlier table 'member'; did you mean 'members'?",
        ),
        ("that: book.due != due", "that: book.due < due", "writes.2.needs.1.that: 'book.due < due' is no condition"),
        ("that: book.due != due", "that: book.due != day", "renew_book: no parameter 'day'; choose one of book, due"),
        ("that: book.due != due", "that: book.dew != due", "renew_book: no column of books 'dew'; did you mean 'due'?"),
        ("that: book.due != due", "that: book.due !=", "writes.2.needs.1.that: 'book.due !=' is no expression"),
        (
            "text: book {book} is due",
            "text: book {bok} is due",
            "parameter 'bok'; did you mean 'book'?",
        ),
        ("values: {due: due}", "values: {}", "writes.2.effects.0: an effect has one of change, create and remove;"),
        ("when: book.reserved ==", "when: book ==", "writes.2.policies.0: a policy looks at a column of a row"),
        ("- Take back {book}", "- Take it back", "writes.1: take_back_book: 'Take it back' and the tails must have"),
        (
            "return of {book}\n",
            'return of {book}\n    tails: {book: ": {book}"}\n',
            "take_back_book: give a tail to each",
        ),
        ('{due: " until {due}"}', '{due: " for {book} until {due}"}', "writes.0: lend_book: the tail"),
    ],
)
def test_a_bad_declaration_is_refused_with_the_remedy(tmp_path: Path, written: str, instead: str, fault: str) -> None:
    text = (FOLDER / "library.yaml").read_text(encoding="utf-8")
    assert written in text
    path = tmp_path / "library.yaml"
    path.write_text(text.replace(written, instead), encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        read_world(path)
    assert str(refused.value).startswith(f"{path}: ") and fault in str(refused.value), refused.value


@pytest.mark.parametrize("world", ALL, ids=list(WORLDS))
def test_every_write_can_be_run_and_every_policy_can_forbid(world: World) -> None:
    for tool in world.writes:
        outcomes, rules = set(), set()
        for seed in range(60):
            rng, rows = populated(world, seed)
            for _ in range(10):
                outcome = write(world, draw_action(rng, world, rows, tool), dict(rows))
                outcomes.add(outcome.status)
                rules |= {policy.rule for policy in tool.policies if outcome.text.startswith(policy.rule)}
        assert "ok" in outcomes
        assert rules == {policy.rule for policy in tool.policies}


@settings(max_examples=80, deadline=None)
@given(some_actions(), st.booleans())
def test_sqlite_and_dictionaries_agree(drawn: tuple[World, Rows, list[Action]], enforce: bool) -> None:
    world, rows, actions = drawn
    database, plain = Database(world, rows), dict(rows)
    for action in actions:
        with database:
            outcome = write(world, action, database, enforce=enforce)
        assert outcome == write(world, action, plain, enforce=enforce)
        assert dict(database) == plain and state_hash(database) == state_hash(plain)


@settings(max_examples=80, deadline=None)
@given(some_actions())
def test_what_fails_changes_nothing(drawn: tuple[World, Rows, list[Action]]) -> None:
    world, rows, actions = drawn
    for action in actions:
        state = {key: dict(row) for key, row in rows.items()}
        outcome = write(world, action, state)
        tool = world.tools[action.tool]
        assert isinstance(tool, Write)
        if outcome.status == "ok":
            assert outcome.touched and not outcome.text
        else:
            assert state == rows and outcome.text and not outcome.touched
            assert (outcome.status == "error") == (unmet(world, tool, action.arguments, rows) is not None)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(WORLDS)), seeds)
def test_the_hash_ignores_order_and_nothing_else(name: str, seed: int) -> None:
    rng, rows = populated(WORLDS[name], seed)
    start = state_hash(rows)
    shuffled = {key: _shuffled(rng, rows[key]) for key in rng.sample(list(rows), len(rows))}
    assert state_hash(shuffled) == start == state_hash(Database(WORLDS[name], shuffled))
    key = rng.choice(list(rows))
    column = rng.choice(list(rows[key]))
    value = rows[key][column]
    others = [None, 0, "", f"{value} "] if not isinstance(value, int) else [None, value + 1, str(value)]
    for other in others:
        if other != value:
            assert state_hash({**rows, key: {**rows[key], column: other}}) != start
    assert state_hash({other: row for other, row in rows.items() if other != key}) != start
    assert state_hash({**rows, "Z1": rows[key]}) != start
    assert state_hash({("Z1" if other == key else other): row for other, row in rows.items()}) != start


def _shuffled(rng: random.Random, row: Row) -> Row:
    return {name: row[name] for name in rng.sample(list(row), len(row))}


def test_new_keys_follow_from_content() -> None:
    world = WORLDS["calendar"]
    _, rows = populated(world, 1)
    rows = {key: row | ({"state": "open"} if "state" in row else {}) for key, row in rows.items()}
    host, room = (next(key for key in rows if key.startswith(prefix)) for prefix in ("C", "R"))
    rows[host] = rows[host] | {"presence": "in"}
    one, other = (
        Action(tool="book_meeting", arguments={"host": host, "room": room, "day": "2027-01-01", "hour": hour})
        for hour in (9, 10)
    )
    ends = []
    for order in ((one, other), (other, one)):
        state = dict(rows)
        assert all(write(world, action, state).status == "ok" for action in order)
        ends.append(state_hash(state))
    assert ends[0] == ends[1]


def test_a_database_refuses_keys_it_does_not_have() -> None:
    world = WORLDS["library"]
    _, rows = populated(world, 3)
    database = Database(world, rows)
    for key in ("B1", "X1", "", "B"):
        assert key not in database
        with pytest.raises(KeyError):
            database[key]
    with pytest.raises(KeyError), database:
        del database["B1"]
    assert len(database) == len(rows)
