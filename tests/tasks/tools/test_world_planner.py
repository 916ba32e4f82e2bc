"""Plans reach their goals, are shortest, and hold nothing that could be left out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from world_episodes import WORLDS, begin, populated, seeds, tasks

from components.agent.environment import Task
from components.tasks.tools.database import state_hash
from components.tasks.tools.expressions import Value
from components.tasks.tools.interpreter import after, write
from components.tasks.tools.planner import keys_of, plan_reads, plan_writes, unnecessary
from components.tasks.tools.requests import draw_action
from components.tasks.tools.schema import Action, Read, World
from components.tasks.tools.tables import Rows


def _walk(world: World, seed: int, steps: int) -> tuple[Rows, Rows, list[Action]]:
    """A state, where permitted writes lead from it, and those writes."""
    rng, rows = populated(world, seed)
    state, done = dict(rows), list[Action]()
    for _ in range(200):
        action = draw_action(rng, world, state, rng.choice(world.writes))
        if write(world, action, state).status == "ok":
            done.append(action)
        if len(done) == steps:
            break
    else:  # a state in which nothing is permitted, such as a garage where all brakes are faulty
        return _walk(world, seed + 1, steps)
    return rows, state, done


def _every_action(world: World, state: Rows, values: list[Value]) -> list[Action]:
    """Every grounded write over all keys of the state and all values given."""
    actions = []
    for tool in world.writes:
        choices: list[list[Value]] = []
        for param in tool.params:
            if param.refers:
                choices.append([key for key in state if world.table_of(key) is world.table[param.refers]])
            else:
                numeric = param.numbers is not None
                choices.append([value for value in values if isinstance(value, int) == numeric and value is not None])
        for combination in itertools.product(*choices):
            names = [param.name for param in tool.params]
            actions.append(Action(tool=tool.name, arguments=dict(zip(names, combination, strict=True))))
    return actions


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(WORLDS)), seeds, st.integers(1, 2))
def test_a_plan_reaches_its_goal_and_can_spare_nothing(name: str, seed: int, steps: int) -> None:
    world = WORLDS[name]
    rows, goal, walked = _walk(world, seed, steps)
    values = [value for action in walked for value in action.arguments.values()]
    plan = plan_writes(world, rows, goal, values=values)
    assert plan is not None and len(plan) <= len(walked)
    reached = after(world, plan, rows)
    assert reached is not None and state_hash(reached) == state_hash(goal)
    assert unnecessary(world, rows, goal, plan) == []


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(WORLDS)), seeds)
def test_no_single_write_does_the_work_of_two(name: str, seed: int) -> None:
    """Against every grounded write over all keys and over the values that were named or that differ."""
    world = WORLDS[name]
    rows, goal, walked = _walk(world, seed, 2)
    values: list[Value] = [value for action in walked for value in action.arguments.values()]
    plan = plan_writes(world, rows, goal, values=values)
    assert plan is not None
    differing = [key for key in {**rows, **goal} if rows.get(key) != goal.get(key)]
    cells = [value for state in (rows, goal) for key in differing for value in state.get(key, {}).values()]
    singles = _every_action(world, rows, list(dict.fromkeys([*values, *cells])))
    shortest = 0 if rows == goal else 1 if any(after(world, [action], rows) == goal for action in singles) else 2
    assert len(plan) == shortest


def test_a_padded_plan_is_seen_through() -> None:
    world = WORLDS["fleet"]
    _, rows = populated(world, 0)
    van = next(key for key in rows if key.startswith("V"))
    rows[van] |= {"brakes": "checked", "site": "quarry"}
    detour, straight = (
        Action(tool="park_van", arguments={"van": van, "site": site}) for site in ("station", "harbour")
    )
    goal = after(world, [straight], rows)
    assert goal is not None and after(world, [detour, straight], rows) == goal
    assert unnecessary(world, rows, goal, [detour, straight]) == [detour]
    assert plan_writes(world, rows, goal, values=["station", "harbour"]) == [straight]


def test_what_cannot_be_reached_has_no_plan() -> None:
    world = WORLDS["library"]
    _, rows = populated(world, 5)
    book = next(key for key in rows if key.startswith("B"))
    impossible = {**rows, book: {**rows[book], "title": "Another"}}
    assert plan_writes(world, rows, impossible) is None
    assert plan_writes(world, rows, rows) == []


def test_plans_do_what_is_forbidden_to_nobody() -> None:
    """A goal behind a policy has no plan, though the write itself would be possible."""
    for task in tasks("tools_refusal", 20):
        _, solver = begin(task)
        reached = dict(solver.rows)
        assert write(solver.world, solver.actions[0], reached, enforce=False).status == "ok"
        plan = plan_writes(solver.world, solver.rows, reached, values=solver.actions[0].arguments.values())
        assert plan is None


def test_every_read_shows_a_key_that_a_later_call_needs() -> None:
    for task in tasks("tools_chain", 60):
        _, solver = begin(task)
        calls = [*solver.reads, *solver.writes]
        assert _groundless(solver.world, solver.rows, calls) == []
        for index in range(len(solver.reads)):
            assert _groundless(solver.world, solver.rows, calls[:index] + calls[index + 1 :]), task.id


def _groundless(world: World, rows: Mapping[str, dict[str, Value]], calls: list[Action]) -> list[str]:
    """Keys that calls use before any read has shown them."""
    known: set[str] = set()
    missing = []
    for call in calls:
        missing += [key for key in keys_of(world, [call]) if key not in known]
        tool = world.tools[call.tool]
        if isinstance(tool, Read):
            known |= {key for key, row in rows.items() if row.get(tool.column) == call.arguments[tool.param.name]}
    return missing


def test_known_keys_are_not_looked_up() -> None:
    world = WORLDS["bank"]
    _, rows = populated(world, 2)
    account = next(key for key in rows if key.startswith("AC"))
    owner = str(rows[account]["client"])
    assert [read.tool for read in plan_reads(world, rows, [account])] == ["find_client", "list_accounts_of_client"]
    assert [read.tool for read in plan_reads(world, rows, [account], known=[owner])] == ["list_accounts_of_client"]
    assert plan_reads(world, rows, [account], known=[account]) == []


def test_another_order_of_the_same_writes_passes_too() -> None:
    """Where both orders work they end in the same state, and the environment takes either."""

    def has_two_orders(task: Task) -> bool:
        _, solver = begin(task)
        return len(solver.writes) == 2 and after(solver.world, solver.writes[::-1], solver.rows) is not None

    for task in tasks("tools_chain", 15, has_two_orders):
        environment, solver = begin(task)
        for action in reversed(solver.writes):
            assert environment.execute(solver.dialect.call(action)).status == "ok"
        assert environment.verify("Done.")


def test_order_matters_in_some_pairs() -> None:
    def has_one_order(task: Task) -> bool:
        _, solver = begin(task)
        return len(solver.writes) == 2 and after(solver.world, solver.writes[::-1], solver.rows) is None

    for task in tasks("tools_chain", 5, has_one_order):
        environment, solver = begin(task)
        seen = [environment.execute(solver.dialect.call(action)).status for action in reversed(solver.writes)]
        assert seen != ["ok", "ok"]
        assert not environment.verify("Done.")
