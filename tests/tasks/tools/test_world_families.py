"""Six families: oracles always succeed, nobody else does for nothing, and what is held out stays out."""

from __future__ import annotations

import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from world_episodes import (
    FAMILIES,
    HELD_OUT_WORLDS,
    SPLITS,
    SYNTHESIZER,
    FixedAnswer,
    begin,
    random_call,
    run_plan,
    seeds,
    tasks,
)

from components.agent.environment import Split, Task, call_fault
from components.agent.episode_loop import run_episodes
from components.agent.policies import NoOpPolicy, OraclePolicy, RandomToolPolicy
from components.tasks.tools.database import state_hash
from components.tasks.tools.environment import WorldEnvironment
from components.tasks.tools.interpreter import unmet, write
from components.tasks.tools.planner import plan_writes
from components.tasks.tools.schema import Write
from components.trajectories.check import find_faults
from components.trajectories.checks.replay import replay
from components.trajectories.record import Record

NAMES = list(FAMILIES)
SEEDS = range(1000, 1120)


ENDS = {name: {"success"} for name in NAMES} | {
    "tools_missing": {"abstain_correct"},
    "tools_refusal": {"abort_correct"},
    "tools_irrelevant": {"success", "abort_correct"},
    "tools_fault": {"success", "abort_correct"},
}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", NAMES)
def test_oracles_make_sound_records_that_replay(name: str, split: Split) -> None:
    for seed in SEEDS:
        straight, branched = (SYNTHESIZER.episode(name, seed, share, split) for share in (0.0, 1.0))
        for record in (straight, branched):
            faults = find_faults(record, ())
            assert faults.pop("split", None) == ("a task of the heldout split" if split == "heldout" else None)
            assert faults == {}, (seed, faults)
            assert record.domain == "tool" and record.verdict.outcome in ENDS[name]
            met = any(seen.origin == "injected_fault" for step in record.steps for seen in step.obs)
            assert met == (record.fault is not None and record.fault.step is not None)
        assert replay(branched, FAMILIES) is None
        assert {step.label for step in straight.steps} == {"good"}
        _takes_one_wrong_branch(branched)


def _takes_one_wrong_branch(record: Record) -> None:
    """One wrong call; the next turn repairs it, and speaks of what came back."""
    wrong = [step for step in record.steps if step.label == "wrong" and step.phase == "action"]
    assert len(wrong) == 1
    recovery = next(step for step in record.steps if step.label == "recovery")
    assert recovery.i == wrong[0].i + 1 and recovery.phase == "reflection"
    (call,), (seen,) = wrong[0].calls, wrong[0].obs
    if seen.status != "ok":
        assert seen.content in recovery.text
    elif seen.content in ("[]", "nothing found"):
        assert any(str(value) in recovery.text for value in _leaves(call.args))
    else:  # it went through: the reflection quotes a row of the reply, and the way back is run
        assert set(re.findall(r"[A-Z]+\d+", recovery.text)) & set(re.findall(r"[A-Z]+\d+", seen.content + str(call)))


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    return [value]


@pytest.mark.parametrize("wrong_branch", [False, True])
def test_the_oracle_acts_through_the_protocol(wrong_branch: bool) -> None:
    policy = OraclePolicy(FAMILIES, wrong_branch=wrong_branch)
    drawn = [task for name in NAMES for task in tasks(name, 20)]
    assert all(episode.success for episode in run_episodes(policy, drawn, families=FAMILIES, max_turns=20))


@pytest.mark.parametrize("name", NAMES)
def test_baselines_are_worth_nothing(name: str) -> None:
    drawn = tasks(name, 150)
    for policy in (
        NoOpPolicy(),
        RandomToolPolicy(1),
        FixedAnswer("Done."),
        FixedAnswer("Refused: suspended, frozen, blocked, closed, expired, reserved. It is forbidden."),
        FixedAnswer("Missing: due, day, hour, amount, quantity, priority."),
        FixedAnswer("Failed: there is no tool for it, all tools are busy."),
    ):
        episodes = run_episodes(policy, drawn, families=FAMILIES, max_turns=8)
        assert sum(episode.success for episode in episodes) == 0, policy


@pytest.mark.parametrize("name", NAMES)
def test_held_out_worlds_never_occur_in_training(name: str) -> None:
    for seed in range(300):
        assert not HELD_OUT_WORLDS & set(FAMILIES[name].sample(seed, "train").payload["worlds"])
        assert set(FAMILIES[name].sample(seed, "heldout").payload["worlds"]) <= HELD_OUT_WORLDS


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_a_function_of_its_seed(name: str) -> None:
    for seed in range(20):
        again = FAMILIES[name].sample(seed, "train")
        assert again == FAMILIES[name].sample(seed, "train")
        assert FAMILIES[name].start(again) is not FAMILIES[name].start(again)
    records = [[SYNTHESIZER.episode(name, seed, 0.5).model_dump_json() for seed in range(20)] for _ in range(2)]
    assert records[0] == records[1] and len(set(records[0])) == 20


@pytest.mark.parametrize("name", NAMES)
def test_tasks_survive_json(name: str) -> None:
    """A payload read back from JSON starts the same environment and the same oracle."""
    for task in tasks(name, 10):
        task = Task(**{**task.__dict__, "payload": json.loads(json.dumps(task.payload))})
        (episode,) = run_episodes(OraclePolicy(FAMILIES), [task], families=FAMILIES, max_turns=20)
        assert episode.success


@pytest.mark.parametrize("name", NAMES)
def test_tools_are_well_formed_and_differ_by_seed(name: str) -> None:
    drawn = tasks(name, 60)
    for task in drawn:
        names = [tool.name for tool in task.tools]
        assert len(names) == len(set(names)) and all(re.fullmatch(r"[A-Za-z][\w-]{0,63}", tool) for tool in names)
        for tool in task.tools:
            Draft202012Validator.check_schema(tool.parameters)
            assert tool.description
    assert len({tool.name for task in drawn for tool in task.tools}) > 80
    assert len({json.dumps(tool.parameters) for task in drawn for tool in task.tools}) > 60


def test_a_tool_has_many_faces() -> None:
    faces = [
        tool
        for task in tasks("tools_single", 40, lambda task: task.payload["actions"][0]["tool"] == "lend_book")
        for tool in task.tools
        if "must not borrow" in tool.description
    ]
    assert len({tool.name for tool in faces}) > 12
    assert len({json.dumps(tool.parameters) for tool in faces}) > 20


def test_long_tool_lists_are_long_and_mostly_beside_the_point() -> None:
    for task in tasks("tools_irrelevant", 60):
        _, solver = begin(task)
        assert 10 <= len(task.tools) <= 16
        assert len(task.payload["worlds"]) == (3 if task.split == "train" else 2)
        if task.payload["expectation"]["verdict"] == "failed":
            goal = dict(solver.rows)
            whole = WorldEnvironment.start(task).dialect.world
            assert write(whole, solver.actions[0], goal).status == "ok"
            values = solver.actions[0].arguments.values()
            assert plan_writes(solver.world, solver.rows, goal, values=values, max_writes=3) is None


def test_the_missing_parameter_is_nowhere_to_be_found() -> None:
    for task in tasks("tools_missing", 80):
        _, solver = begin(task)
        (action,) = solver.actions
        value = str(action.arguments[solver.omitted])
        assert value not in re.findall(r"[\w-]+", task.prompt)
        tool = solver.world.tools[action.tool]
        assert isinstance(tool, Write) and unmet(solver.world, tool, action.arguments, solver.rows) is None


def test_missing_names_the_parameter_and_changes_nothing() -> None:
    for task in tasks("tools_missing", 40):
        environment, solver = begin(task)
        names = solver.dialect.params[solver.actions[0].tool]
        right = f"Missing: {names[solver.omitted]}."
        assert not environment.verify(right), "nothing was looked at"
        run_plan(environment, solver)
        assert environment.verify(right) and environment.verify(right.upper())
        assert not environment.verify(f"Done: {names[solver.omitted]}.")
        assert not environment.verify("Missing: something.")
        if len(names) > 1:
            assert not environment.verify(f"Missing: {', '.join(names.values())}."), "all names are no answer"
        if environment.execute(solver.dialect.call(solver.actions[0])).status == "ok":
            assert not environment.verify(right), "it was guessed"


@pytest.mark.parametrize("enforced", [True, False])
def test_a_refusal_needs_its_ground_and_clean_hands(enforced: bool) -> None:
    for task in tasks("tools_refusal", 40, lambda task: task.payload["enforced"] == enforced):
        environment, solver = begin(task)
        right = f"Refused: {' '.join(word for _, word in environment.expectation.grounds)}."
        assert not environment.verify(right), "nothing was looked at"
        run_plan(environment, solver)
        assert environment.verify(right)
        assert not environment.verify("Refused.") and not environment.verify("Done.")
        seen = environment.execute(solver.dialect.call(solver.actions[0]))
        assert (seen.status == "denied") == enforced
        assert environment.verify(right) == enforced, "where nothing stops it, doing it is the fault"


def test_a_denial_is_ground_enough() -> None:
    for task in tasks("tools_refusal", 20, lambda task: task.payload["enforced"]):
        environment, solver = begin(task)
        assert environment.execute(solver.dialect.call(solver.actions[0])).status == "denied"
        assert environment.verify(f"Refused: {environment.expectation.grounds[0][1]}.")


@pytest.mark.parametrize("name", ["tools_single", "tools_chain"])
def test_only_the_end_state_counts(name: str) -> None:
    """Calls in vain do no harm; one more write does."""
    for task in tasks(name, 30):
        environment, solver = begin(task)
        assert not environment.verify("Done.")
        run_plan(environment, solver)
        for read in solver.reads:
            environment.execute(solver.dialect.call(read))
        assert environment.verify("Done.") and not environment.verify("I think it is done.")
        rng = random.Random(task.seed)
        before = state_hash(environment.database)
        for _ in range(10):
            spec = rng.choice(task.tools)
            environment.execute(random_call(rng, spec, list(environment.database)))
        assert environment.verify("Done.") == (state_hash(environment.database) == before)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NAMES), seeds, st.sampled_from(SPLITS), st.lists(st.text(max_size=8), max_size=3))
def test_nothing_a_policy_sends_raises(name: str, seed: int, split: Split, texts: list[str]) -> None:
    task = FAMILIES[name].sample(seed % 500, split)
    environment = WorldEnvironment.start(task)
    rng = random.Random(seed)
    words = [*environment.database, *texts, "", "B-1", "\ud800", "M0", *re.findall(r"[\w-]+", task.prompt)]
    for _ in range(6):
        call = random_call(rng, rng.choice(task.tools), words)
        assert call_fault(call, task.tools) is None
        seen = environment.execute(call)
        assert seen.status in ("ok", "error", "denied") and seen.content
        environment.verify(rng.choice(words))
