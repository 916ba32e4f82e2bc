"""Wrong branches: calls that are really run and that what comes back really contradicts."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from components.tasks.tools.interpreter import write
from components.tasks.tools.planner import keys_of, plan_writes
from components.tasks.tools.requests import draw_value
from components.tasks.tools.schema import Action, Param, Read, Row, Rows, Value, World, Write


@dataclass(frozen=True, kw_only=True)
class Slip:
    """A wrong call, the parameter that is wrong in it, and the writes that lead from what it left to the goal (None
    where it left everything as it was)."""

    action: Action
    param: str
    repair: tuple[Action, ...] | None = None


def draw_slip(
    rng: random.Random,
    world: World,
    rows: Rows,
    right: Action,
    *,
    goal: Mapping[str, Row],
    known: Iterable[str],
    values: tuple[Value, ...],
    enforced: bool,
) -> Slip:
    """A wrong version of `right`: a misspelt name or id, another row or another value. Whatever it changes can be set
    right again with the tools of `world` by somebody who knows `known` keys."""
    tool = world.tools[right.tool]
    params = (tool.param,) if isinstance(tool, Read) else tool.params
    told = list(known)
    if isinstance(tool, Write) and rng.random() < 0.7:
        for param in rng.sample(params, len(params)):
            wrong = _other(rng, world, rows, param, right.arguments[param.name], told)
            if wrong is None:
                continue
            action = Action(tool=right.tool, arguments={**right.arguments, param.name: wrong})
            slip = judge(world, rows, action, param.name, goal=goal, known=told, values=values, enforced=enforced)
            if slip is not None and _is_seen(world, rows, slip, right, enforced):
                return slip
    param = rng.choice([param for param in params if param.refers or isinstance(tool, Read)])
    misspelt = _misspell(rng, rows, right.arguments[param.name], is_key=bool(param.refers))
    return Slip(action=Action(tool=right.tool, arguments={**right.arguments, param.name: misspelt}), param=param.name)


def judge(
    world: World,
    rows: Rows,
    action: Action,
    param: str,
    *,
    goal: Mapping[str, Row],
    known: Iterable[str],
    values: tuple[Value, ...],
    enforced: bool,
) -> Slip | None:
    """The call as a slip, or None where what it changes cannot be set right again."""
    reached = dict(rows)
    outcome = write(world, action, reached, enforce=enforced)
    if outcome.status != "ok":
        return Slip(action=action, param=param)
    if reached in (rows, goal):
        return None
    repair = plan_writes(world, reached, goal, values=values, max_writes=3)
    if repair is None or not {*known, *outcome.touched}.issuperset(keys_of(world, repair)):
        return None
    return Slip(action=action, param=param, repair=tuple(repair))


def _is_seen(world: World, rows: Rows, slip: Slip, right: Action, enforced: bool) -> bool:
    """Whether the reply of a slip that changes something shows a value that the right call would not have brought."""
    return slip.repair is None or contradiction(world, rows, slip.action, right, enforced=enforced) is not None


def contradiction(
    world: World, rows: Rows, wrong: Action, right: Action, *, enforced: bool
) -> tuple[str, str, Value] | None:
    """A key, a column and the value there after the wrong call which the right call would not have left there."""
    after_wrong, after_right = dict(rows), dict(rows)
    touched = write(world, wrong, after_wrong, enforce=enforced).touched
    write(world, right, after_right, enforce=enforced)
    for key in touched:
        other = after_right.get(key)
        for column, value in after_wrong.get(key, {}).items():
            if other is None or other[column] != value:
                return key, column, value
    return None


def _other(rng: random.Random, world: World, rows: Rows, param: Param, value: Value, known: list[str]) -> Value:
    """Another known row or another value for the parameter; None where there is none."""
    if param.refers:
        table = world.table[param.refers]
        others = [key for key in known if key != value and key in rows and world.table_of(key) is table]
        return rng.choice(others) if others else None
    assert param.like is not None
    other = draw_value(rng, param.like)
    return other if other != value else None


def _misspell(rng: random.Random, rows: Rows, value: Value, *, is_key: bool) -> str:
    """A name with a letter lost, or an id with a digit changed; no row has it."""
    text = str(value)
    taken = {*rows, *(str(field).casefold() for row in rows.values() for field in row.values())}
    while True:
        if is_key:
            place = rng.choice([index for index, character in enumerate(text) if character.isdigit()])
            wrong = text[:place] + rng.choice("123456789") + text[place + 1 :]
        else:
            place = rng.randrange(1, len(text))
            wrong = (text[:place] + text[place + 1 :]).strip()
        if wrong not in taken and wrong.casefold() not in taken:
            return wrong
