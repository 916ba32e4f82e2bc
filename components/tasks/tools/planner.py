"""Plans of calls: the fewest writes that lead to a goal state, then the fewest reads that show the keys they need.

Writes are searched by A* with unit costs over the declared effects; the bound (a write changes so many rows at most)
never overestimates, so the first plan found is a shortest one. Arguments are drawn from what differs between the state
and the goal and from values the request names; policies count as preconditions.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from components.tasks.tools.database import state_hash
from components.tasks.tools.expressions import Value
from components.tasks.tools.interpreter import after, write
from components.tasks.tools.schema import Action, World
from components.tasks.tools.tables import Param, Row, Rows

_MAX_EXPANSIONS = 2_000


def plan_writes(
    world: World, rows: Mapping[str, Row], goal: Mapping[str, Row], *, values: Iterable[Value] = (), max_writes: int = 4
) -> list[Action] | None:
    """A shortest list of permitted writes from `rows` to `goal`, or None where none of `max_writes` was found."""
    reach = max((len(tool.effects) for tool in world.writes), default=1)
    named = tuple(values)
    order = itertools.count()  # ties in the order of discovery, so that the plan is a function of its input
    start = dict(rows)
    queue: list[tuple[int, int, int, Rows, tuple[Action, ...]]] = [(0, 0, next(order), start, ())]
    best = {state_hash(start): 0}
    for _ in range(_MAX_EXPANSIONS):
        if not queue:
            return None
        _, _, _, state, done = heapq.heappop(queue)
        if state == goal:
            return list(done)
        for action in _candidates(world, state, goal, named):
            reached = dict(state)
            if write(world, action, reached).status != "ok":
                continue
            cost = len(done) + 1
            left = -(-len(_differing(reached, goal)) // reach)
            if cost + left > max_writes:
                continue
            name = state_hash(reached)
            if best.get(name, max_writes + 1) <= cost:
                continue
            best[name] = cost
            heapq.heappush(queue, (cost + left, -cost, next(order), reached, (*done, action)))
    return None


def plan_reads(world: World, rows: Mapping[str, Row], keys: Sequence[str], known: Iterable[str] = ()) -> list[Action]:
    """Reads that show `keys` to somebody who knows `known` and the labels of rows. Each is needed by a later call."""
    shown, reads = set(known), list[Action]()

    def find(key: str) -> None:
        if key in shown:
            return
        table, row = world.table_of(key), rows[key]
        assert table is not None
        if table.label:
            reads.append(Action(tool=f"find_{table.noun}", arguments={table.label: row[table.label]}))
        else:
            owner = str(row[table.owner])
            find(owner)
            reads.append(Action(tool=f"list_{table.name}_of_{table.owner}", arguments={table.owner: owner}))
        shown.add(key)

    for key in keys:
        find(key)
    return reads


def unnecessary(
    world: World, rows: Mapping[str, Row], goal: Mapping[str, Row], writes: Sequence[Action]
) -> list[Action]:
    """The writes of a plan without any one of which the rest still reaches the goal; empty for every shortest plan."""
    return [
        action
        for index, action in enumerate(writes)
        if after(world, [*writes[:index], *writes[index + 1 :]], rows) == dict(goal)
    ]


def keys_of(world: World, actions: Iterable[Action]) -> list[str]:
    """The keys that calls name, each once, in the order of use."""
    keys: dict[str, None] = {}
    for action in actions:
        tool = world.tools[action.tool]
        for param in tool.params:
            if param.refers:
                keys[str(action.arguments[param.name])] = None
    return list(keys)


def _candidates(world: World, state: Rows, goal: Mapping[str, Row], named: Sequence[Value]) -> Iterator[Action]:
    differing = _differing(state, goal)
    pool: dict[Value, None] = dict.fromkeys(named)
    keys: dict[str, None] = {}
    for key in differing:
        keys[key] = None
        for side in (state, goal):
            pool |= dict.fromkeys(side.get(key, {}).values())
    keys |= {value: None for value in pool if isinstance(value, str) and value in state}
    for tool in world.writes:
        choices = [_choices(world, param, state, list(keys), list(pool)) for param in tool.params]
        for combination in itertools.product(*choices):
            names = (param.name for param in tool.params)
            yield Action(tool=tool.name, arguments=dict(zip(names, combination, strict=True)))


def _choices(world: World, param: Param, state: Rows, keys: Sequence[str], pool: Sequence[Value]) -> list[Value]:
    if param.refers:
        table = world.table[param.refers]
        return [key for key in keys if key in state and world.table_of(key) is table]
    return [value for value in pool if param.may_hold(value)]


def _differing(state: Mapping[str, Row], goal: Mapping[str, Row]) -> list[str]:
    return [key for key in sorted({*state, *goal}) if state.get(key) != goal.get(key)]
