"""Families over reasoning-gym: solved by our derivations, scored by the datasets, alike in every process."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_steps import edited_step, oracle_steps

from components.agent.environment import Split, TaskFamily
from components.agent.episode_loop import run_episodes
from components.agent.messages import ToolCall
from components.agent.policies import NoOpPolicy, OraclePolicy, RandomToolPolicy
from components.core.errors import BadInput
from components.tasks.extra.gym import families, items
from components.tasks.extra.gym.families import absent as absent_gym
from components.tasks.extra.gym.families import families as gym_families
from components.tasks.extra.gym.family import GymFamily, result_of
from components.tasks.extra.gym.sheet import Worked
from components.tasks.extra.gym.worksheet import Worksheet
from components.tasks.kit.registry import choose_families
from components.tasks.math.schemas import FAMILY_SCHEMAS
from components.tasks.math.solve import MAX_TURNS
from components.trajectories.check import find_faults
from components.trajectories.checks.replay import replay
from components.trajectories.episodes import Synthesizer
from components.trajectories.record import content_sha

LACKING = items.lacking()
GYM: dict[str, GymFamily] = {family.name: family for family in families._FAMILIES}
FAMILIES: dict[str, TaskFamily] = dict(GYM)
NAMES = sorted(GYM)
WORKSHEETS = [name for name in NAMES if GYM[name].domain == "cot"]
SPLITS: tuple[Split, ...] = ("train", "heldout")
SEEDS = 30
installed = pytest.mark.skipif(LACKING is not None, reason=f"reasoning-gym {LACKING}")


def _lesson(name: str, index: int) -> Worked | Worksheet:
    lesson = GYM[name].lesson(GYM[name].source.item(index))
    assert isinstance(lesson, Worked | Worksheet)
    return lesson


def _plain(answer: str) -> str:
    """The same for one fraction in two notations."""
    return "".join(re.findall(r"\w+", re.sub(r"\\d?frac", "", answer)))


@pytest.mark.parametrize("lost", ["reasoning_gym", "pycosat"])
def test_what_is_missing_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    monkeypatch.setattr(items, "find_spec", lambda name: None if name == lost else object())
    assert gym_families() == [] and set(absent_gym()) == set(NAMES)
    with pytest.raises(BadInput, match=r"trajectories\.families: .*'gym_gcd'.*\.\[reasoning-gym\]"):
        choose_families({}, ["gym_gcd"], "trajectories.families")


@installed
@settings(max_examples=60, deadline=None)
@given(st.sampled_from(NAMES), st.integers(0, 2**32), st.sampled_from(SPLITS), st.booleans())
def test_the_oracle_solves_every_task(name: str, seed: int, split: Split, wrong_branch: bool) -> None:
    task = GYM[name].sample(seed, split)
    assert task == GYM[name].sample(seed, split)
    steps = list(oracle_steps(GYM[name], task, wrong_branch))
    labels = [step.label for step, _ in steps]
    assert len(steps) <= MAX_TURNS and labels.count("wrong") == labels.count("recovery") == wrong_branch
    for index, (_, seen) in enumerate(steps[:-1]):
        assert seen is not None
        refuted = seen.status != "ok" or "fails" in seen.content
        assert not refuted or steps[index + 1][0].label == "recovery"
    assert any(step.label == "recovery" for step, _ in steps) == wrong_branch


@installed
@pytest.mark.parametrize("name", NAMES)
def test_our_answer_scores_full_and_another_does_not(name: str) -> None:
    """Ours is found without the dataset's; other items' answers, and ours with a 7 before it, score less."""
    answers: set[str] = set()
    for seed in range(SEEDS):
        index = GYM[name].sample(seed, "train").payload["index"]
        item, lesson, source = GYM[name].source.item(index), _lesson(name, index), GYM[name].source
        assert "answer" not in item.facts and source.score(lesson.result, item) == 1.0
        others = {other for other in answers if _plain(other) != _plain(lesson.result)}
        for wrong in {"", "nothing", f"7{lesson.result}", *others}:
            assert source.score(wrong, item) < 1.0, (item.question, wrong)
        answers.add(lesson.result)


@installed
@pytest.mark.parametrize("name", NAMES)
def test_records_pass_every_check_and_replay(name: str) -> None:
    synthesizer = Synthesizer(dict(FAMILIES), "none")
    records = [synthesizer.episode(name, seed, 0.5) for seed in range(SEEDS)]
    for record in records:
        assert find_faults(record, ()) == {} and replay(record, FAMILIES) is None
        assert record.provenance.licence == "Apache-2.0" and record.domain == GYM[name].domain
    assert sum(any(step.label == "wrong" for step in record.steps) for record in records) == SEEDS // 2
    assert len({len(record.turns()) for record in records}) >= 4, "granularity varies"
    assert len({record.id for record in records}) == SEEDS
    action = next(step for step in records[0].steps if step.phase == "action")
    changed = [action.obs[0].model_dump() | {"content": "99 hold", "sha": content_sha("99 hold")}]
    assert replay(edited_step(records[0], action.i, obs=changed), FAMILIES) is not None


@installed
@pytest.mark.parametrize("name", WORKSHEETS)
def test_alternates_share_turns_and_pass(name: str) -> None:
    synthesizer = Synthesizer(dict(FAMILIES), "none")
    found = [
        record
        for seed in range(SEEDS)
        for record in synthesizer.episodes(name, seed, wrong_branch_share=0.5, alternate_share=1.0)[1:]
    ]
    assert found
    for record in found:
        assert find_faults(record, ()) == {} and replay(record, FAMILIES) is None


@installed
@pytest.mark.parametrize("name", NAMES)
def test_baselines_solve_nothing(name: str) -> None:
    tasks = [GYM[name].sample(seed, split) for seed in range(100) for split in SPLITS]
    for policy in (NoOpPolicy(), RandomToolPolicy(0)):
        episodes = run_episodes(policy, tasks, families=FAMILIES, max_turns=MAX_TURNS)
        assert sum(episode.success for episode in episodes) == 0
    oracle = run_episodes(OraclePolicy(FAMILIES), tasks[:20], families=FAMILIES, max_turns=MAX_TURNS)
    assert all(episode.success for episode in oracle)


@installed
@pytest.mark.parametrize("name", NAMES)
def test_a_right_answer_counts_only_after_its_derivation(name: str) -> None:
    """Not before a call; on a worksheet not after the last line alone, and a wrong answer not after all of them."""
    for seed in range(SEEDS):
        task = GYM[name].sample(seed, "heldout")
        lesson, environment = _lesson(name, task.payload["index"]), GYM[name].start(task)
        assert not environment.verify(lesson.result) and not environment.verify(f"Answer: {lesson.result}")
        if isinstance(lesson, Worksheet):
            lines = [f"{line.left}: {line.right}" for line in lesson.lines]
            seen = environment.execute(ToolCall(name="check_steps", arguments={"steps": lines[-1:]}))
            assert "comes first" in seen.content and not environment.verify(lesson.result)
            environment.execute(ToolCall(name="check_steps", arguments={"steps": lines}))
            assert environment.verify(lesson.result) and environment.verify(f"So.\nAnswer: {lesson.result}")
            assert not environment.verify(f"{lesson.result} 1")


@installed
@pytest.mark.parametrize("name", NAMES)
def test_every_wrong_step_has_a_name_and_its_check_fails(name: str) -> None:
    met: set[str] = set()
    for seed in range(SEEDS):
        lesson = _lesson(name, GYM[name].sample(seed, "train").payload["index"])
        if isinstance(lesson, Worked):
            met |= {step.rule.name for step in lesson.derivation.wrong_steps()}
        else:
            known: list[tuple[str, str]] = []
            for step in lesson.deductions(random.Random(seed)):
                for mistake in step.mistakes:
                    reason = lesson.refute(lesson.read(mistake.claim), known)
                    assert reason, mistake.claim
                    met.add(mistake.name)
                left, right = lesson.read(step.claim)
                known.append((left, right))
    assert len(met) >= 2, met


@installed
@pytest.mark.parametrize("name", NAMES)
def test_splits_ask_different_things(name: str) -> None:
    """Neither an index nor a question's numbers and words stand in both splits, in whatever order."""
    asked: dict[Split, set[tuple[str, ...]]] = {}
    indices: dict[Split, set[int]] = {}
    for split in SPLITS:
        found = [GYM[name].sample(seed, split).payload["index"] for seed in range(150)]
        indices[split] = set(found)
        asked[split] = {tuple(sorted(GYM[name].source.item(index).question.split())) for index in found}
    assert not asked["train"] & asked["heldout"] and not indices["train"] & indices["heldout"]
    assert len(asked["train"]) >= 120


@installed
def test_no_problem_of_mathematics_is_asked() -> None:
    """A problem belongs to one split for good, in every family: so ours are others than those of `mathematics`."""
    rng = random.Random(0)
    gcd, linear = FAMILY_SCHEMAS["math_gcd"], FAMILY_SCHEMAS["math_linear"]
    for name, schemas in {"gym_gcd": gcd[:-1], "gym_lcm": gcd[-1:], "gym_simple_equations": linear[:1]}.items():
        theirs = [schema.draw(rng) for schema in schemas for _ in range(200)]
        largest = max(givens["a"] for givens in theirs)
        for seed in range(SEEDS):
            lesson = _lesson(name, GYM[name].sample(seed, "train").payload["index"])
            assert isinstance(lesson, Worked) and abs(lesson.derivation.givens["g1"]) > largest


@installed
@settings(max_examples=80, deadline=None)
@given(st.sampled_from(NAMES), st.text(max_size=40) | st.from_regex(r"[-0-9 ,.×'\[\]]{1,30}"), st.text(max_size=30))
def test_whatever_is_said_is_answered(name: str, answer: str, claim: str) -> None:
    """No answer and no call of a policy raises, and none of them solves a task."""
    task = GYM[name].sample(1, "train")
    environment = GYM[name].start(task)
    for call in (
        ToolCall(name="check_steps", arguments={"steps": [claim]}),
        ToolCall(name="evaluate", arguments={"expression": claim}),
        ToolCall(name="check", arguments={"statement": claim, "where": answer}),
    ):
        assert environment.execute(call).content
    assert not environment.verify(answer)


@given(st.text(), st.text(alphabet=st.characters(exclude_characters=":"), min_size=1))
def test_the_result_is_what_stands_after_the_last_mark(before: str, result: str) -> None:
    assert result_of(f"{before}Answer: {result}") == result.strip()


_IN_ANOTHER_PROCESS = """
from components.tasks.extra.gym.families import families as gym_families
from components.trajectories.episodes import Synthesizer
families = {family.name: family for family in gym_families()}
synthesizer = Synthesizer(families, "none")
print(*(synthesizer.episode(name, seed, 0.5).id for name in sorted(families) for seed in range(4)))
"""


@installed
def test_other_processes_make_the_same_records() -> None:
    """Whatever the order of their sets: the datasets draw from lists, and so do we."""
    root = Path(__file__).parents[3]
    made = {
        subprocess.run(
            [sys.executable, "-c", _IN_ANOTHER_PROCESS],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            cwd=root,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    synthesizer = Synthesizer(dict(FAMILIES), "none")
    ours = " ".join(synthesizer.episode(name, seed, 0.5).id for name in NAMES for seed in range(4))
    assert made == {ours + "\n"}
