"""What every task family promises, whoever wrote it: one contract for all names of the registry.

What only one family can be asked (its arithmetic, its tools, its verdicts) is tested beside that family.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from components.agent.environment import Label, Observation, OracleStep, Split, Status, Task, TaskFamily
from components.agent.episode_loop import run_episodes
from components.agent.messages import ToolCall
from components.agent.policies import NoOpPolicy, OraclePolicy, RandomToolPolicy
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.kit.episode import play_episode
from components.tasks.kit.registry import family_modules, load_families
from components.tasks.show import Listed, list_families, starter_knowledge
from components.trajectories.check import find_faults
from components.trajectories.checks.replay import replay
from components.trajectories.episodes import Synthesizer
from components.trajectories.record import Record, content_sha

SPLITS: tuple[Split, ...] = get_args(Split)
MODULES = family_modules()
SLOW_MODULES = {module for module in MODULES.values() if module.startswith("components.tasks.code.")}
GAME_MODULES = {"components.tasks.extra.textworlds.families"}
SEEDS, GAME_SEEDS = range(6), range(3)
MAX_TURNS = 24
HOSTILE = ("", " ", "\0", "\ud800", "<tool_call>", "'; DROP TABLE x; --", "../../etc/passwd", "9" * 400, "x" * 5000)


def _cases() -> Iterator[Any]:
    """Each family with its seeds. An episode of code takes seconds: of those one seed, and more marked `slow`."""
    for name, module in MODULES.items():
        if module in SLOW_MODULES:
            yield pytest.param(name, range(1), id=name)
            yield pytest.param(name, range(1, 3), id=f"{name}-more", marks=pytest.mark.slow)
        else:
            yield pytest.param(name, GAME_SEEDS if module in GAME_MODULES else SEEDS, id=name)


each_family = pytest.mark.parametrize(("name", "seeds"), list(_cases()))


@dataclass(frozen=True)
class Played:
    """An episode of the oracle."""

    task: Task
    turns: Sequence[tuple[OracleStep, Observation | None]]
    right: bool

    @property
    def steps(self) -> list[OracleStep]:
        return [step for step, _ in self.turns]

    @property
    def labels(self) -> list[Label]:
        return [step.label for step in self.steps]

    @property
    def summary(self) -> str:
        return self.steps[-1].summary or ""


@cache
def _listed() -> dict[str, Listed]:
    return {row.name: row for row in list_families(starter_knowledge())}


def _here(name: str) -> TaskFamily:
    row = _listed()[name]
    if row.family is None:
        pytest.skip(f"{name} {row.remedy}")
    return row.family


@cache
def _task(name: str, seed: int, split: Split) -> Task:
    return _here(name).sample(seed, split)


def _play(family: TaskFamily, task: Task, wrong_branch: bool) -> Played:
    environment = family.start(task)
    oracle = family.oracle(task, named_rng("contract", task.id), wrong_branch)
    turns = list(play_episode(oracle, environment))
    return Played(task, turns, environment.verify(turns[-1][0].summary or ""))


@cache
def _played(name: str, seed: int, split: Split, wrong_branch: bool) -> Played:
    return _play(_here(name), _task(name, seed, split), wrong_branch)


@cache
def _record(name: str, seed: int, wrong_branch: bool) -> Record:
    return Synthesizer({name: _here(name)}, "public-domain").episode(name, seed, float(wrong_branch))


@each_family
@pytest.mark.parametrize("split", SPLITS)
def test_the_oracle_solves_every_task_within_the_turns(name: str, seeds: Sequence[int], split: Split) -> None:
    for seed in seeds:
        for wrong_branch in (False, True):
            played = _played(name, seed, split, wrong_branch)
            assert played.right, (played.task.prompt, played.steps[-1])
            assert 2 <= len(played.turns) <= MAX_TURNS
            assert played.steps[0].analysis and not any(step.analysis for step in played.steps[1:])
            assert all(step.reflection for step in played.steps[1:-1])


@each_family
def test_a_wrong_branch_makes_one_mistake_and_recovers(name: str, seeds: Sequence[int]) -> None:
    for seed in seeds:
        assert set(_played(name, seed, "train", False).labels) == {"good"}
        labels = _played(name, seed, "train", True).labels
        assert labels.count("wrong") == labels.count("recovery") == 1
        assert labels.index("recovery") - labels.index("wrong") in (1, 2), "at most what reveals it lies between"


@each_family
def test_a_mistake_has_consequences(name: str, seeds: Sequence[int]) -> None:
    """It is executed, the recovery speaks of what came and makes another call."""
    family = _here(name)
    for seed in seeds:
        played = _played(name, seed, "train", True)
        wrong, recovery = played.labels.index("wrong"), played.labels.index("recovery")
        assert played.steps[wrong].call != played.steps[recovery].call and played.steps[recovery].reflection
        environment = family.start(played.task)
        for step, seen in played.turns[: wrong + 1]:
            assert step.call is not None and environment.execute(step.call) == seen
        assert not environment.verify("")


@each_family
def test_records_hold_every_invariant(name: str, seeds: Sequence[int]) -> None:
    for seed in seeds:
        for wrong_branch in (False, True):
            record = _record(name, seed, wrong_branch)
            assert find_faults(record, ()) == {}
            assert any(step.label == "wrong" for step in record.steps) == wrong_branch


@each_family
def test_no_observation_is_invented(name: str, seeds: Sequence[int]) -> None:
    """Every call run again brings what the record says; a record that says something else is caught."""
    families = {name: _here(name)}
    for seed in seeds[:4]:
        record = _record(name, seed, True)
        assert replay(record, families) is None
    tree = record.model_dump(mode="json")
    action = next(step for step in tree["steps"] if step["phase"] == "action")
    action["obs"][0] |= {"content": "987654", "sha": content_sha("987654")}
    assert replay(Record.model_validate(tree).identified(), families) is not None


@each_family
def test_a_task_and_an_episode_are_functions_of_their_seed(name: str, seeds: Sequence[int]) -> None:
    """Also for families that have drawn nothing yet."""
    _here(name)
    (anew,) = load_families(starter_knowledge(), [name]).values()
    for seed in reversed(seeds[:4]):
        for wrong_branch in (False, True):
            task = anew.sample(seed, "train")
            assert task == _task(name, seed, "train")
            assert _play(anew, task, wrong_branch) == _played(name, seed, "train", wrong_branch)


_IN_ANOTHER_PROCESS = """
import json, sys
from components.tasks.kit.registry import load_families
from components.tasks.show import episode_text, starter_knowledge
families = load_families(starter_knowledge(), sys.argv[1:])
print(json.dumps({name: [episode_text(families[name], seed, "train", wrong_branch=True) for seed in range(3)]
                  for name in families}))
"""


def test_another_process_makes_the_same_bytes() -> None:
    """Whatever the order of its sets: one family of each package."""
    names = [
        "arithmetic_add",
        "factbook_compare",
        "math_system",
        "cot_order",
        "tools_fault",
        "research_report",
        "gym_gcd",
        "gym_number_sorting",
    ]
    names = [name for name in names if _listed()[name].family is not None]
    made = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", _IN_ANOTHER_PROCESS, *names],
                capture_output=True,
                text=True,
                check=True,
                timeout=300,
                cwd=Path(__file__).parents[2],
                env=os.environ | {"PYTHONHASHSEED": hash_seed},
            ).stdout
        )
        for hash_seed in ("1", "2")
    ]
    assert made[0] == made[1] and list(made[0]) == names


@each_family
def test_splits_are_disjoint_and_prompts_differ(name: str, seeds: Sequence[int]) -> None:
    count = 50 if seeds == SEEDS else max(seeds) + 1
    asked = {split: [_task(name, seed, split).prompt for seed in range(count)] for split in SPLITS}
    assert not set(asked["train"]) & set(asked["heldout"])
    for prompts in asked.values():
        assert len(set(prompts)) >= 0.75 * count


@each_family
def test_baselines_win_nothing(name: str, seeds: Sequence[int]) -> None:
    """Neither who does nothing nor who calls any tool and says what came back."""
    families = {name: _here(name)}
    tasks = [_task(name, seed, split) for seed in seeds for split in SPLITS]
    for policy in (NoOpPolicy(), RandomToolPolicy(0), RandomToolPolicy(1)):
        assert not any(episode.success for episode in run_episodes(policy, tasks, families=families, max_turns=8))


@each_family
def test_the_oracle_speaks_the_protocol(name: str, seeds: Sequence[int]) -> None:
    """Its turns go through text and back, many episodes side by side, and win as they do alone."""
    families = {name: _here(name)}
    tasks = [_task(name, seed, "heldout") for seed in seeds[:4]]
    for wrong_branch in (False, True):
        policy = OraclePolicy(families, wrong_branch=wrong_branch)
        together = run_episodes(policy, tasks, families=families, max_turns=MAX_TURNS)
        assert all(episode.success and not episode.parse_errors for episode in together)
        again = OraclePolicy(families, wrong_branch=wrong_branch)
        assert run_episodes(again, tasks[:1], families=families, max_turns=MAX_TURNS) == together[:1]


@each_family
def test_a_task_is_plain_data(name: str, seeds: Sequence[int]) -> None:
    """Its payload survives JSON: read back, it starts the same environment and the same oracle."""
    family = _here(name)
    for seed in seeds[:3]:
        task = _task(name, seed, "train")
        assert (task.family, task.seed, task.split, task.domain) == (name, seed, "train", family.domain)
        assert task.domain in get_args(Stream) and task.prompt.strip() and task.tools
        tools = [tool.name for tool in task.tools]
        assert len(set(tools)) == len(tools)
        read_back = replace(task, payload=json.loads(json.dumps(task.payload)))
        assert read_back.payload == task.payload
        assert _play(family, read_back, True) == _played(name, seed, "train", True)


@each_family
def test_whatever_is_called_is_answered(name: str, seeds: Sequence[int]) -> None:
    """Nothing that a policy sends raises; what does not fit a tool's schema is an error and changes nothing."""
    family, task = _here(name), _task(name, seeds[0], "train")
    environment = family.start(task)
    for call in _malformed(task):
        assert environment.execute(call).status == "error", call
    assert not environment.verify(_played(name, seeds[0], "train", False).summary)
    for tool in task.tools:
        for text in HOSTILE:
            seen = environment.execute(ToolCall(name=tool.name, arguments=_filled(tool.parameters, text)))
            assert seen.status in get_args(Status) and seen.content and seen.render()
    for text in HOSTILE:
        assert not environment.verify(text)
    _solved_as_if_alone(family, task)


def _solved_as_if_alone(family: TaskFamily, task: Task) -> None:
    """What was sent to one environment of the task does nothing to another."""
    assert _play(family, task, False) == _played(task.family, task.seed, task.split, False)


def _malformed(task: Task) -> Iterator[ToolCall]:
    yield ToolCall(name="no_such_tool", arguments={})
    yield ToolCall(name="", arguments={"a": None})
    for tool in task.tools:
        yield ToolCall(name=tool.name, arguments={"no such argument": 1})
        for parameter in tool.parameters.get("properties", {}):
            wrong: object
            for wrong in (None, {"deep": [[[]]]}, float("nan"), [None]):
                yield ToolCall(name=tool.name, arguments={parameter: wrong})


def _filled(schema: Mapping[str, Any], text: str) -> Any:
    """A value that fits the schema, with `text` wherever text may stand."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: _filled(inner, text) for name, inner in schema.get("properties", {}).items()}
        case "array":
            return [_filled(schema.get("items", {}), text)]
        case "integer" | "number":
            return schema.get("minimum", len(text))
        case "boolean":
            return True
        case _:
            return text


def test_a_policy_may_see_the_families_together() -> None:
    """Episodes of different families run side by side."""
    families = {row.name: row.family for row in _listed().values() if row.family and row.module not in SLOW_MODULES}
    tasks = [_task(name, 0, "heldout") for name in families]
    episodes = run_episodes(OraclePolicy(families), tasks, families=families, max_turns=MAX_TURNS)
    assert [episode.success for episode in episodes] == [True] * len(tasks)
