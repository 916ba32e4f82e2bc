"""What the oracles of all mathematics families make: solved, contradicted where wrong, sound, the same every time."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from oracle_steps import edited_step, oracle_steps

from components.agent.environment import Split, Task, TaskFamily
from components.agent.episode_loop import run_episodes
from components.agent.policies import NoOpPolicy, OraclePolicy, RandomToolPolicy
from components.tasks.math.answerable import AnswerableFamily
from components.tasks.math.expressions import judge, read_bindings
from components.tasks.math.families import families as mathematics_families
from components.tasks.math.find_error import FindErrorFamily
from components.tasks.math.solve import MAX_TURNS, SolveFamily, contradicts
from components.trajectories.check import find_faults
from components.trajectories.checks.replay import replay
from components.trajectories.episodes import Synthesizer
from components.trajectories.record import content_sha

FAMILIES: dict[str, TaskFamily] = {family.name: family for family in mathematics_families()}
NAMES = sorted(FAMILIES)
SPLITS: tuple[Split, ...] = ("train", "heldout")
SEEDS = 120
# Numbers that belong to a rule or to a first try, not to a problem.
_CONSTANTS = {"0", "1", "2", "3", "4", "100", "10000"}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", NAMES)
def test_the_oracle_solves_every_task(name: str, split: Split) -> None:
    for seed in range(SEEDS):
        task = FAMILIES[name].sample(seed, split)
        for wrong_branch in (False, True):
            steps = list(oracle_steps(FAMILIES[name], task, wrong_branch))
            assert len(steps) <= MAX_TURNS
            assert [step.label for step, _ in steps].count("wrong") == wrong_branch


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_step_is_contradicted_by_execution_and_repaired(name: str) -> None:
    for seed in range(SEEDS):
        task = FAMILIES[name].sample(seed, "train")
        steps = list(oracle_steps(FAMILIES[name], task, True))
        labels = [step.label for step, _ in steps]
        wrong, recovery = labels.index("wrong"), labels.index("recovery")
        assert recovery - wrong in (1, 2), "at most the check lies between"
        seen = steps[recovery - 1][1]
        assert seen is not None
        # An accusation is contradicted by a check that holds, everything else by one that fails or by an error.
        assert seen.content.startswith("holds") if name == "math_find_error" else contradicts(seen)
        assert seen.content[1:] in steps[recovery][0].reflection
        assert steps[recovery][0].call is not None


def test_sound_steps_are_checked_too() -> None:
    """Otherwise a check of a step would say that it is wrong before it is made."""
    held, failed = 0, 0
    for seed in range(100):
        for wrong_branch in (False, True):
            task = FAMILIES["math_system"].sample(seed, "train")
            calls = [(step, seen) for step, seen in oracle_steps(FAMILIES["math_system"], task, wrong_branch) if seen]
            alone = [
                seen for step, seen in calls[:-1] if step.call and step.call.name == "check" and step.label == "good"
            ]
            held += sum(seen.content.startswith("holds") for seen in alone)
            failed += sum(seen.content.startswith("fails") for seen in alone)
    assert min(held, failed) > 30


@pytest.mark.parametrize("name", NAMES)
def test_records_pass_every_check_and_replay(name: str) -> None:
    synthesizer = Synthesizer(dict(FAMILIES), "none")
    records = [synthesizer.episode(name, seed, 0.5) for seed in range(100)]
    for record in records:
        assert find_faults(record, ()) == {} and replay(record, FAMILIES) is None
    assert len({record.id for record in records}) == len(records)
    assert sum(any(step.label == "wrong" for step in record.steps) for record in records) == 50
    assert len({"".join(step.phase[0] for step in record.steps) for record in records}) >= 6, "granularity varies"


@pytest.mark.parametrize("name", NAMES)
def test_planted_faults_are_caught(name: str) -> None:
    synthesizer = Synthesizer(dict(FAMILIES), "none")
    for record in (synthesizer.episode(name, seed, 1.0) for seed in range(12)):
        reflections = [step.i for step in record.steps if step.phase == "reflection"]
        actions = [step for step in record.steps if step.phase == "action"]
        wrong = next(step.i for step in actions if step.label == "wrong")
        assert "wrong_steps" in find_faults(edited_step(record, wrong, loss=1.0), ())
        for index in reflections:
            assert "traces" in find_faults(edited_step(record, index, text="It is 987654."), ())
        for action in actions:
            for content in ("holds", "987654"):
                changed = [action.obs[0].model_dump() | {"content": content, "sha": content_sha(content)}]
                assert replay(edited_step(record, action.i, obs=changed), FAMILIES) is not None


@pytest.mark.parametrize("name", NAMES)
def test_calls_hold_only_numbers_given_or_observed(name: str) -> None:
    for seed in range(60):
        task = FAMILIES[name].sample(seed, "train")
        for wrong_branch in (False, True):
            known = _CONSTANTS | _numbers(task.prompt)
            for step, seen in oracle_steps(FAMILIES[name], task, wrong_branch):
                if step.call is not None and seen is not None:
                    strange = _numbers(" ".join(map(str, step.call.arguments.values()))) - known
                    assert not strange, (task.prompt, step.call)
                    known |= _numbers(seen.content)


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+", text))


@pytest.mark.parametrize("name", NAMES)
def test_tasks_are_pure_and_many(name: str) -> None:
    for split in SPLITS:
        tasks = [FAMILIES[name].sample(seed, split) for seed in range(60)]
        again = {family.name: family for family in mathematics_families()}[name]
        assert tasks == [again.sample(seed, split) for seed in range(60)]
        assert len({task.prompt for task in tasks}) > 40
        assert {task.domain for task in tasks} == {"math"}


def _content(task: Task) -> str:
    """Kind and numbers of a problem, without its words."""
    return f"{task.payload.get('schema') or task.payload['kind']} {task.payload['givens']}"


def test_a_problem_belongs_to_one_split_in_every_family() -> None:
    contents: dict[Split, set[str]] = {
        split: {_content(family.sample(seed, split)) for family in FAMILIES.values() for seed in range(150)}
        for split in SPLITS
    }
    assert not contents["train"] & contents["heldout"]


@pytest.mark.parametrize("name", NAMES)
def test_baselines_are_worth_nothing(name: str) -> None:
    tasks = [FAMILIES[name].sample(seed, "heldout") for seed in range(150)]
    for policy, allowed in ((NoOpPolicy(), 0), (RandomToolPolicy(1), 1)):
        episodes = run_episodes(policy, tasks, families=FAMILIES, max_turns=MAX_TURNS)
        assert sum(episode.success for episode in episodes) <= allowed


@pytest.mark.parametrize("wrong_branch", [False, True])
def test_oracles_speak_the_protocol(wrong_branch: bool) -> None:
    tasks = [FAMILIES[name].sample(seed, "heldout") for name in NAMES for seed in range(20)]
    policy = OraclePolicy(FAMILIES, wrong_branch=wrong_branch)
    episodes = run_episodes(policy, tasks, families=FAMILIES, max_turns=MAX_TURNS)
    assert all(episode.success and episode.parse_errors == 0 for episode in episodes)
    assert episodes == run_episodes(
        OraclePolicy(FAMILIES, wrong_branch=wrong_branch), tasks, families=FAMILIES, max_turns=MAX_TURNS
    )


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(FAMILIES[name], SolveFamily)])
def test_no_prompt_holds_its_answer(name: str) -> None:
    family = FAMILIES[name]
    assert isinstance(family, SolveFamily)
    for seed in range(100):
        task = family.sample(seed, "train")
        derivation = family.derivation(task)
        given = {Fraction(value) for value in task.payload["givens"].values()}
        assert not given & set(derivation.asked)


def test_an_accused_step_is_sound_and_the_wrong_one_is_not() -> None:
    """What `math_find_error` lists: one step fails its own check, or none."""
    family = FAMILIES["math_find_error"]
    assert isinstance(family, FindErrorFamily)
    outcomes = set()
    for seed in range(200):
        task = family.sample(seed, "train")
        written = family.written(task)
        sound = [judge(item.statement, _bindings(item.where)).holds for item in written.steps]
        wrong = [] if written.wrong_index is None else [written.wrong_index]
        assert [index for index, holds in enumerate(sound) if not holds] == wrong
        assert all(f"Step {number}: " in task.prompt for number in range(1, len(written.steps) + 1))
        outcomes.add(written.wrong_index)
    assert outcomes >= {None, 0, 1, 2, 3}


def _bindings(where: dict[str, str]) -> dict[str, Fraction]:
    bound = read_bindings(", ".join(f"{name}={text}" for name, text in where.items()))
    return {name: side.value for name, side in bound.items()}


def test_answerable_questions_have_all_three_outcomes_and_both_tools_come_in_any_order() -> None:
    family = FAMILIES["math_answerable"]
    assert isinstance(family, AnswerableFamily)
    tasks = [family.sample(seed, "train") for seed in range(200)]
    outcomes = {(task.payload["kind"], family.question(task).solvability) for task in tasks}
    assert len(outcomes) == 11
    assert {tuple(tool.name for tool in task.tools) for task in tasks} == {("evaluate", "check"), ("check", "evaluate")}
