"""The sentences of a solution. Each states a call, or something that an observation shows."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from components.agent.environment import Observation
from components.tasks.kit.wording import phrase
from components.tasks.tools.dialect import Dialect
from components.tasks.tools.expressions import Value
from components.tasks.tools.schema import Action, Fact, Policy, Read
from components.tasks.tools.tables import Row
from components.tasks.tools.wrong_calls import WrongCall


def analysis(rng: random.Random, actions: Sequence[Action], *, by_name: bool) -> str:
    """What is wanted, before anything was looked at."""
    wanted = " and ".join(action.tool.replace("_", " ") for action in actions)
    ids = phrase(
        rng,
        "[Names are given, ids are not.|The ids must be found first.|Calls need ids, so look them up.]"
        if by_name
        else "[The ids are given.|Ids stand in the request.|Nothing has to be looked up by name.]",
    )
    pattern = "[Wanted: {wanted}. {ids}|The task is to {wanted}. {ids}|{ids} Then {wanted}.|To do: {wanted}.]"
    return phrase(rng, pattern, wanted=wanted, ids=ids)


def first_plan(rng: random.Random, dialect: Dialect, calls: Sequence[Action]) -> str:
    """The whole way, or the next step of it."""
    first, *rest = [dialect.names[call.tool] for call in calls]
    if rest and rng.random() < 0.7:
        pattern = "[{first}, then {rest}.|First {first}; after that {rest}.]"
        return phrase(rng, pattern, first=first, rest=", ".join(rest))
    return phrase(rng, "[Call {first}.|Start with {first}.|Use {first}.]", first=first)


def found(rng: random.Random, dialect: Dialect, action: Action, rows: Mapping[str, Row], seen: Observation) -> str:
    """What a read showed."""
    tool = dialect.world.tools[action.tool]
    assert isinstance(tool, Read)
    value = action.arguments[tool.param.name]
    if tool.verb == "show":
        return phrase(rng, "[{key} is there.|That is {key}.|{key} exists.]", key=value)
    noun = tool.table.noun
    keys = [key for key in rows if key in seen.content and dialect.world.table_of(key) is tool.table]
    matching = [key for key in keys if rows[key][tool.column] == value]
    if tool.verb == "list":
        pattern = "[{owner} has the {noun} {keys}.|The {noun} of {owner} is {keys}.]"
        return phrase(rng, pattern, owner=value, noun=noun, keys=" and ".join(matching))
    (key,) = matching
    pattern = "[{value} is {key}.|The {noun} {value} has {id} {key}.|Found {value}: {key}.]"
    return phrase(rng, pattern, value=value, key=key, noun=noun, id=dialect.style.id_name)


def changes(before: Mapping[str, Row], after: Mapping[str, Row]) -> str:
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
    pattern = "[{row} still, so nothing was written.|It was accepted, but {row} as before.|Not done: {row} still.]"
    return phrase(rng, pattern, row=_row(Fact(key, column, before[column])))


def mistake(rng: random.Random, wrong: WrongCall, seen: Observation, *, omitted: str) -> str:
    """What an observation says against a wrong call, and what would be right."""
    param, right = wrong.param, wrong.right.arguments[wrong.param]
    if wrong.fact is not None and param == omitted:
        pattern = "[{row} now, and nobody gave a {param}.|{row}, but that {param} was a guess: undo it.]"
    elif wrong.fact is not None:
        pattern = (
            "[{row}, but for {param} {right} was meant.|{row}. That is wrong: {param} should be {right}."
            "|Wrong: {row}; {param} is {right}.]"
        )
    elif seen.status != "ok":
        pattern = "[It says: {error}. The right {param} is {right}.|That failed: {error}. {param} should be {right}.]"
    else:
        pattern = "[Nothing is called {tried}; it is {right}.|No row for {tried}: the name is {right}.]"
    row = _row(wrong.fact) if wrong.fact is not None else ""
    tried = wrong.action.arguments[param]
    return phrase(rng, pattern, row=row, param=param, right=right, error=seen.content, tried=tried)


def not_given(rng: random.Random, param: str) -> str:
    pattern = (
        "[The request gives no {param}, and no row tells it.|Still no {param}: guessing would be wrong."
        "|Nothing says which {param}.]"
    )
    return phrase(rng, pattern, param=param)


def no_tool(rng: random.Random, action: Action) -> str:
    wanted = action.tool.replace("_", " ")
    return phrase(rng, "[None of the tools can {wanted}.|What is offered does not {wanted}.]", wanted=wanted)


def rule_applies(rng: random.Random, policy: Policy, fact: Fact) -> str:
    pattern = "[{row}. {rule}|{rule} And {row}.|{row}, so this is forbidden.]"
    return phrase(rng, pattern, row=_row(fact), rule=policy.rule)


def _row(fact: Fact) -> str:
    return f"{fact.key} has {_field(fact.column, fact.value)}"


def _field(column: str, value: Value) -> str:
    return f"{column} {'none' if value is None else value}"
