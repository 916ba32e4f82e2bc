"""The oracle's prose. Every sentence verbalises a call or something an observation shows."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from components.agent.environment import Observation
from components.tasks.tools.dialect import Dialect
from components.tasks.tools.schema import Action, Policy, Read, Row, Value


def analysis(rng: random.Random, actions: Sequence[Action], *, by_name: bool) -> str:
    """What is wanted, before anything was looked at."""
    wanted = " and ".join(action.tool.replace("_", " ") for action in actions)
    told = rng.choice(
        ("Names are given, ids are not.", "The ids must be found first.", "Calls need ids, so look them up.")
        if by_name
        else ("The ids are given.", "Ids stand in the request.", "Nothing has to be looked up by name.")
    )
    return rng.choice(("Wanted: {0}. {1}", "The task is to {0}. {1}", "{1} Then {0}.", "To do: {0}.")).format(
        wanted, told
    )


def first_plan(rng: random.Random, dialect: Dialect, calls: Sequence[Action]) -> str:
    """The whole way, or the next step of it."""
    names = [dialect.names[call.tool] for call in calls]
    if len(names) > 1 and rng.random() < 0.7:
        return rng.choice(("{0}, then {1}.", "First {0}; after that {1}.")).format(names[0], ", ".join(names[1:]))
    return rng.choice(("Call {}.", "Start with {}.", "Use {}.")).format(names[0])


def found(rng: random.Random, dialect: Dialect, action: Action, rows: Mapping[str, Row], seen: Observation) -> str:
    """What a read showed."""
    tool = dialect.world.tools[action.tool]
    assert isinstance(tool, Read)
    value = action.arguments[tool.param.name]
    keys = [key for key in rows if key in seen.content and dialect.world.table_of(key) is tool.table]
    if tool.verb == "show":
        return rng.choice(("{} is there.", "That is {}.", "{} exists.")).format(value)
    if tool.verb == "list":
        matching = [key for key in keys if rows[key][tool.column] == value]
        return rng.choice(("{1} has the {0} {2}.", "The {0} of {1} is {2}.")).format(
            tool.table.noun, value, " and ".join(matching)
        )
    (key,) = [key for key in keys if rows[key][tool.column] == value]
    return rng.choice(("{0} is {1}.", "The {2} {0} has {3} {1}.", "Found {0}: {1}.")).format(
        value, key, tool.table.noun, dialect.style.id_name
    )


def shows(key: str, column: str, value: Value) -> str:
    return f"{key} has {_field(column, value)}"


def changed(before: Mapping[str, Row], after: Mapping[str, Row]) -> str:
    """What a write did, from the rows it answered with."""
    parts = []
    for key in sorted({*before, *after}):
        if key not in after:
            parts.append(f"{key} is gone")
        elif key not in before:
            parts.append(f"{key} is new")
        elif before[key] != after[key]:
            news = {name: value for name, value in after[key].items() if before[key][name] != value}
            parts.append(f"{key} has " + " and ".join(_field(name, value) for name, value in news.items()))
    return "; ".join(parts)


def unchanged(rng: random.Random, key: str, before: Row, wanted: Row) -> str:
    """A row read back that is what it was before an accepted write."""
    column = next(name for name, value in wanted.items() if before[name] != value)
    return rng.choice(
        ("{} still, so nothing was written.", "It was accepted, but {} as before.", "Not done: {} still.")
    ).format(shows(key, column, before[column]))


def contradicted(rng: random.Random, fact: tuple[str, str, Value], param: str, right: Value) -> str:
    key, column, value = fact
    return rng.choice(
        ("{0}, but for {1} {2} was meant.", "{0}. That is wrong: {1} should be {2}.", "Wrong: {0}; {1} is {2}.")
    ).format(shows(key, column, value), param, right)


def guessed(rng: random.Random, fact: tuple[str, str, Value], param: str) -> str:
    return rng.choice(("{0} now, and nobody gave a {1}.", "{0}, but that {1} was a guess: undo it.")).format(
        shows(*fact), param
    )


def refused_call(rng: random.Random, seen: Observation, param: str, right: Value) -> str:
    return rng.choice(("It says: {0}. The right {1} is {2}.", "That failed: {0}. {1} should be {2}.")).format(
        seen.content, param, right
    )


def nothing_found(rng: random.Random, tried: Value, right: Value) -> str:
    return rng.choice(("Nothing is called {0}; it is {1}.", "No row for {0}: the name is {1}.")).format(tried, right)


def not_given(rng: random.Random, param: str) -> str:
    return rng.choice(
        (
            "The request gives no {0}, and no row tells it.",
            "Still no {0}: guessing would be wrong.",
            "Nothing says which {0}.",
        )
    ).format(param)


def no_tool(rng: random.Random, action: Action) -> str:
    return rng.choice(("None of the tools can {}.", "What is offered does not {}.")).format(
        action.tool.replace("_", " ")
    )


def rule_applies(rng: random.Random, policy: Policy, key: str, value: Value) -> str:
    return rng.choice(("{0}. {1}", "{1} And {0}.", "{0}, so this is forbidden.")).format(
        shows(key, policy.fact.column, value), policy.rule
    )


def _field(column: str, value: Value) -> str:
    return f"{column} {'none' if value is None else value}"
