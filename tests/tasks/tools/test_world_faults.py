"""Each class of fault behaves as it is declared, and only what is right about it is counted as right."""

from __future__ import annotations

import pytest
from world_episodes import FAMILIES, begin, tasks

from components.agent.environment import Observation, Task
from components.agent.episode_loop import run_episodes
from components.agent.policies import OraclePolicy
from components.tasks.tools.environment import ACCEPTED, DRIFTED, WorldEnvironment
from components.tasks.tools.faults import CLASSES, FINAL, Fault, Form, Persistence, dashed
from components.tasks.tools.interpreter import after
from components.tasks.tools.planner import plan_writes
from components.tasks.tools.player import ACCEPTED_ATTEMPTS, ERROR_ATTEMPTS, Solver
from components.tasks.tools.requests import show_action
from components.tasks.tools.schema import Action, Write

COUNT = 25


def _tasks(form: Form, persistence: Persistence) -> list[Task]:
    def wanted(task: Task) -> bool:
        return (task.payload["fault"]["form"], task.payload["fault"]["persistence"]) == (form, persistence)

    return tasks("tools_fault", COUNT, wanted)


def _write(environment: WorldEnvironment, solver: Solver) -> Observation:
    (action,) = solver.writes
    return environment.execute(solver.dialect.call(action))


def _read_back(environment: WorldEnvironment, solver: Solver) -> bool:
    """Whether the row that should change shows what it should."""
    (action,) = solver.writes
    tool = solver.world.tools[action.tool]
    assert isinstance(tool, Write) and tool.changed_arg
    key = str(action.arguments[tool.changed_arg])
    wanted = after(solver.world, [action], solver.rows)
    assert wanted is not None
    seen = environment.execute(solver.dialect.call(show_action(solver.world, key)))
    assert seen.status == "ok"
    return seen.content == solver.dialect.one(key, wanted[key])


def _failed(solver: Solver) -> str:
    return f"Failed: {solver.dialect.names[solver.writes[0].tool]}."


def test_every_class_is_drawn() -> None:
    drawn = {
        tuple(task.payload["fault"][name] for name in ("form", "visibility", "persistence"))
        for task in tasks("tools_fault", 150)
    }
    assert drawn == set(CLASSES)


def test_an_explicit_transient_fault_passes() -> None:
    for task in _tasks("error", "transient"):
        environment, solver = begin(task)
        strikes = task.payload["fault"]["strikes"]
        assert 1 <= strikes < ERROR_ATTEMPTS
        for _ in range(strikes):
            seen = _write(environment, solver)
            assert (seen.status, seen.content) == ("error", task.payload["fault"]["text"])
            assert not environment.verify("Done.") and not environment.verify(_failed(solver)), "it would have passed"
        assert _write(environment, solver).status == "ok"
        assert environment.verify("Done.") and _read_back(environment, solver)


def test_an_explicit_permanent_fault_stays() -> None:
    for task in _tasks("error", "permanent"):
        environment, solver = begin(task)
        assert not environment.verify(_failed(solver)), "nothing was tried"
        for _ in range(5):
            assert _write(environment, solver).status == "error"
        assert not _read_back(environment, solver)
        assert environment.verify(_failed(solver))
        assert not environment.verify("Done.") and not environment.verify("Failed: something.")


def test_a_lasting_error_may_look_like_a_passing_one() -> None:
    final = {task.payload["fault"]["text"] in FINAL for task in _tasks("error", "permanent")}
    assert final == {True, False}


@pytest.mark.parametrize("persistence", ["transient", "permanent"])
def test_a_silent_no_op_is_accepted_and_changes_nothing(persistence: Persistence) -> None:
    for task in _tasks("no_op", persistence):
        environment, solver = begin(task)
        assert _write(environment, solver) == Observation(status="ok", content=ACCEPTED, origin="injected_fault")
        assert not environment.verify("Done."), "it says done and is not"
        assert not environment.verify(_failed(solver)), "nobody has looked"
        assert not _read_back(environment, solver)
        assert environment.verify(_failed(solver)) == (persistence == "permanent")
        assert _write(environment, solver).content == ACCEPTED
        assert _read_back(environment, solver) == (persistence == "transient") == environment.verify("Done.")


def test_without_a_fault_the_same_reply_means_that_it_is_done() -> None:
    for task in _tasks("none", "transient"):
        environment, solver = begin(task)
        assert _write(environment, solver) == Observation(status="ok", content=ACCEPTED)
        assert _read_back(environment, solver) and environment.verify("Done.")


def test_a_drifted_tool_takes_ids_in_the_new_form_only() -> None:
    for task in _tasks("drift", "permanent"):
        environment, solver = begin(task)
        (action,) = solver.writes
        for _ in range(2):
            assert _write(environment, solver) == Observation(status="error", content=DRIFTED, origin="injected_fault")
        assert not environment.verify(_failed(solver)), "it can be overcome"
        arguments = {
            name: dashed(value) if isinstance(value, str) and value in solver.rows else value
            for name, value in action.arguments.items()
        }
        assert environment.execute(solver.dialect.call(Action(tool=action.tool, arguments=arguments))).status == "ok"
        assert environment.verify("Done.") and _read_back(environment, solver)


def test_giving_up_is_right_only_where_no_other_tool_helps() -> None:
    for task in tasks("tools_fault", 40, lambda task: task.payload["expectation"]["verdict"] == "failed"):
        environment, solver = begin(task)
        goal = after(solver.world, solver.writes, solver.rows)
        assert goal is not None
        rest = [tool.name for tool in environment.dialect.world.writes if tool.name != solver.writes[0].tool]
        world = type(solver.world)(
            name="rest",
            setting="",
            tables=solver.world.tables,
            writes=tuple(tool for tool in environment.dialect.world.writes if tool.name in rest),
        )
        values = solver.writes[0].arguments.values()
        assert plan_writes(world, solver.rows, goal, values=values, max_writes=3) is None


@pytest.mark.parametrize(("form", "visibility", "persistence"), CLASSES)
def test_the_oracle_stops_in_time_and_never_says_done_unseen(
    form: Form, visibility: str, persistence: Persistence
) -> None:
    drawn = _tasks(form, persistence)
    for task, episode in zip(
        drawn, run_episodes(OraclePolicy(FAMILIES), drawn, families=FAMILIES, max_turns=20), strict=True
    ):
        fault = Fault(**task.payload["fault"])
        assert episode.success and episode.answer is not None
        assert episode.answer.startswith("Done") == fault.can_be_overcome
        writes = episode.tool_calls - len(task.payload["reads"])
        assert writes <= max(ERROR_ATTEMPTS, 2 * ACCEPTED_ATTEMPTS)
        last = episode.transcript[-2].observations[0]
        assert last.content != ACCEPTED, "an accepted write is read back before anything is said of it"
