"""What a declared write means: judge its conditions, then apply its effects to a mapping from keys to rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass

from components.agent.environment import Status
from components.tasks.tools.expressions import Arg, Condition, Count, Sum, Term, Value
from components.tasks.tools.schema import Action, Policy, World, Write
from components.tasks.tools.tables import Row, Rows

Store = MutableMapping[str, Row]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a write brought: the keys it changed, or why it changed nothing."""

    status: Status
    text: str = ""
    touched: tuple[str, ...] = ()


def write(world: World, action: Action, store: Store, *, enforce: bool = True) -> Outcome:
    """Run a write. Nothing changes unless all holds; policies are looked at only where the world enforces them."""
    tool = world.write(action.tool)
    fault = unmet(world, tool, action.arguments, store)
    if fault:
        return Outcome(status="error", text=fault)
    if enforce:
        policy = forbidden(world, tool, action.arguments, store)
        if policy:
            return Outcome(status="denied", text=f"{policy.rule} ({_fact(world, policy, action.arguments, store)})")
    return Outcome(status="ok", touched=_apply(world, tool, action.arguments, store))


def after(world: World, actions: Iterable[Action], rows: Mapping[str, Row]) -> Rows | None:
    """The state that permitted writes lead to, or None where one of them cannot be run."""
    reached = dict(rows)
    for action in actions:
        if write(world, action, reached).status != "ok":
            return None
    return reached


def unmet(world: World, tool: Write, arguments: Mapping[str, Value], store: Mapping[str, Row]) -> str | None:
    """The first thing that stands in the way, in one line, or None."""
    for param in tool.params:
        key = arguments[param.name]
        if param.refers and (
            not isinstance(key, str) or world.table_of(key) is not world.table[param.refers] or key not in store
        ):
            return f"no {world.table[param.refers].noun} {key}"
        if param.choices and key not in param.choices:
            return f"{param.name} is one of {', '.join(param.choices)}"
    for need in tool.needs:
        if not holds(world, need.that, arguments, store):
            return need.text.format(**arguments)
    return None


def forbidden(world: World, tool: Write, arguments: Mapping[str, Value], store: Mapping[str, Row]) -> Policy | None:
    """The first policy that forbids the call, or None."""
    return next((policy for policy in tool.policies if holds(world, policy.when, arguments, store)), None)


def holds(world: World, condition: Condition, arguments: Mapping[str, Value], store: Mapping[str, Row]) -> bool:
    left, right = (value_of(world, term, arguments, store) for term in (condition.left, condition.right))
    if condition.operator == "==":
        return left == right
    if condition.operator == "!=":
        return left != right
    assert isinstance(left, int) and isinstance(right, int), "only numbers have an order"
    return left <= right


def value_of(world: World, term: Term, arguments: Mapping[str, Value], store: Mapping[str, Row]) -> Value:
    if isinstance(term, Arg):
        value = arguments[term.name]
        if not term.column:
            return value
        assert isinstance(value, str), "only keys have columns"
        return store[value][term.column]
    if isinstance(term, Sum):
        left, right = (value_of(world, part, arguments, store) for part in (term.left, term.right))
        assert isinstance(left, int) and isinstance(right, int), "only numbers are added"
        return left + term.sign * right
    if isinstance(term, Count):
        wanted = {column: value_of(world, part, arguments, store) for column, part in term.where.items()}
        prefix = world.table[term.table].prefix
        return sum(
            key.rstrip("0123456789") == prefix and all(store[key][column] == value for column, value in wanted.items())
            for key in store
        )
    return term


def new_key(prefix: str, row: Row, store: Mapping[str, Row]) -> str:
    """A key from the content, so that two orders of the same writes end in the same state."""
    content = "\x1f".join(f"{name}={row[name]}" for name in sorted(row))
    number = 1000 + int.from_bytes(hashlib.sha256(content.encode()).digest()[:4], "big") % 9000
    while f"{prefix}{number}" in store:
        number = number + 1 if number < 9999 else 1000
    return f"{prefix}{number}"


def _apply(world: World, tool: Write, arguments: Mapping[str, Value], store: Store) -> tuple[str, ...]:
    """All values are read before anything is written. Returns the keys written or removed."""
    planned: list[tuple[str, Row | None]] = []
    for effect in tool.effects:
        if effect.remove:
            planned.append((str(arguments[effect.remove]), None))
            continue
        values = {column: value_of(world, term, arguments, store) for column, term in effect.values.items()}
        if effect.change:
            key = str(arguments[effect.change])
            planned.append((key, {**store[key], **values}))
        else:
            planned.append((new_key(world.table[effect.create].prefix, values, store), values))
    for key, row in planned:
        if row is None:
            del store[key]
        else:
            store[key] = row
    return tuple(key for key, _ in planned)


def _fact(world: World, policy: Policy, arguments: Mapping[str, Value], store: Mapping[str, Row]) -> str:
    return f"{arguments[policy.fact.name]}: {policy.fact.column} {value_of(world, policy.fact, arguments, store)}"
