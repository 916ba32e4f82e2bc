"""What the oracles of all chain-of-thought families make: solved, refuted where wrong, sound, the same every time."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_steps import edited_step, oracle_steps

from components.agent.environment import Split, Task, TaskFamily
from components.agent.episode_loop import run_episodes
from components.agent.messages import ToolCall
from components.agent.policies import NoOpPolicy, OraclePolicy, RandomToolPolicy
from components.core.seeding import named_rng
from components.tasks.cot.families import families as cot_families
from components.tasks.cot.family import CotFamily
from components.tasks.cot.mathematics import CotMathematicsFamily
from components.tasks.cot.steps import Problem, StepEnvironment
from components.tasks.cot.thought import MAX_TURNS, contradicts
from components.trajectories.check import find_faults
from components.trajectories.checks.replay import replay
from components.trajectories.episodes import Synthesizer
from components.trajectories.record import content_sha

FAMILIES: dict[str, TaskFamily] = {family.name: family for family in cot_families()}
NAMES = sorted(FAMILIES)
PUZZLES = [name for name in NAMES if isinstance(FAMILIES[name], CotFamily)]
SPLITS: tuple[Split, ...] = ("train", "heldout")
SEEDS = 60


def _problem(name: str, task: Task) -> Problem:
    family = FAMILIES[name]
    if isinstance(family, CotMathematicsFamily):
        return family.problem(task)
    assert isinstance(family, CotFamily)
    return family.puzzle(task.payload["facts"])


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", NAMES)
def test_the_oracle_solves_every_task(name: str, split: Split) -> None:
    for seed in range(SEEDS):
        task = FAMILIES[name].sample(seed, split)
        assert task == FAMILIES[name].sample(seed, split)
        for wrong_branch in (False, True):
            steps = list(oracle_steps(FAMILIES[name], task, wrong_branch))
            assert len(steps) <= MAX_TURNS
            assert [step.label for step, _ in steps].count("wrong") == wrong_branch


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_step_is_refuted_and_repaired(name: str) -> None:
    for seed in range(SEEDS):
        steps = list(oracle_steps(FAMILIES[name], FAMILIES[name].sample(seed, "train"), True))
        labels = [step.label for step, _ in steps]
        wrong = labels.index("wrong")
        assert labels[wrong + 1] == "recovery"
        for index, (_, seen) in enumerate(steps[:-1]):
            assert seen is not None and contradicts(seen) == (index == wrong)
        seen = steps[wrong][1]
        assert seen is not None and seen.content[1:] in steps[wrong + 1][0].reflection


@pytest.mark.parametrize("name", ["cot_schedule", "cot_route", "cot_dates"])
def test_the_wrong_thought_stands_in_the_wrong_turn_alone(name: str) -> None:
    """Nothing that is trained says what a mistake says; in these families a mistake has words of its own."""
    met = 0
    for seed in range(SEEDS):
        task = FAMILIES[name].sample(seed, "train")
        deductions = _problem(name, task).deductions(random.Random(0))
        wrong = {mistake.text for step in deductions for mistake in step.mistakes} - {step.text for step in deductions}
        for step, _ in oracle_steps(FAMILIES[name], task, True):
            thought = f"{step.analysis} {step.plan}".lower()
            found = [text for text in wrong if f"{text.lower()}." in thought or f"{text.lower()}," in thought]
            assert step.label == "wrong" or not found, thought
            met += bool(found)
    assert met > SEEDS / 2


@pytest.mark.parametrize("name", NAMES)
def test_baselines_solve_next_to_nothing(name: str) -> None:
    tasks = [FAMILIES[name].sample(seed, split) for seed in range(100) for split in SPLITS]
    for policy in (NoOpPolicy(), RandomToolPolicy(0)):
        episodes = run_episodes(policy, tasks, families=FAMILIES, max_turns=MAX_TURNS)
        assert sum(episode.success for episode in episodes) == 0
    oracle = run_episodes(OraclePolicy(FAMILIES), tasks[:40], families=FAMILIES, max_turns=MAX_TURNS)
    assert all(episode.success for episode in oracle)


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_without_its_steps_is_refused(name: str) -> None:
    """The right words alone, and where a checker rules also the last step alone, count for nothing."""
    for seed in range(40):
        task = FAMILIES[name].sample(seed, "train")
        problem = _problem(name, task)
        answer, steps = problem.answer(random.Random(seed)), problem.deductions(random.Random(seed))
        assert not FAMILIES[name].start(task).verify(answer)
        if name in PUZZLES:
            environment = FAMILIES[name].start(task)
            seen = environment.execute(problem.call([steps[-1].claim], []))
            assert contradicts(seen) and not environment.verify(answer)


@pytest.mark.parametrize("name", NAMES)
def test_records_pass_every_check_and_replay(name: str) -> None:
    synthesizer = Synthesizer(dict(FAMILIES), "none")
    records = [synthesizer.episode(name, seed, 0.5) for seed in range(80)]
    for record in records:
        assert find_faults(record, ()) == {} and replay(record, FAMILIES) is None
    assert len({record.id for record in records}) == len(records)
    assert sum(any(step.label == "wrong" for step in record.steps) for record in records) == 40
    assert len({len(record.turns()) for record in records}) >= 5, "granularity varies"
    assert len({"".join(step.phase[0] for step in record.steps) for record in records}) >= 8
    calls = [len(call.args.get("steps", [])) for record in records for step in record.steps for call in step.calls]
    assert name not in PUZZLES or {1, 2, 3} <= set(calls), "a call covers one step or several"


@pytest.mark.parametrize("name", NAMES)
def test_planted_faults_are_caught(name: str) -> None:
    synthesizer = Synthesizer(dict(FAMILIES), "none")
    for record in (synthesizer.episode(name, seed, 1.0) for seed in range(10)):
        actions = [step for step in record.steps if step.phase == "action"]
        wrong = next(step.i for step in actions if step.label == "wrong")
        assert "wrong_steps" in find_faults(edited_step(record, wrong, loss=1.0), ())
        for step in record.steps:
            if step.phase in ("reflection", "summary"):
                assert find_faults(edited_step(record, step.i, text="It is 987654."), ()).keys() >= {"traces"}
        for action in actions:
            changed = [action.obs[0].model_dump() | {"content": "99 hold", "sha": content_sha("99 hold")}]
            assert replay(edited_step(record, action.i, obs=changed), FAMILIES) is not None


@pytest.mark.parametrize("name", PUZZLES)
def test_splits_are_disjoint_however_a_problem_is_named_or_listed(name: str) -> None:
    family = FAMILIES[name]
    assert isinstance(family, CotFamily)
    for seed in range(SEEDS):
        for split in SPLITS:
            facts = family.sample(seed, split).payload["facts"]
            names = list(family.puzzle(facts).symbols)
            other = dict(zip(names, named_rng("rename", seed).sample(names, len(names)), strict=True))
            renamed = [[other.get(part, part) for part in fact] for fact in facts]
            assert family.split(renamed) == family.split(facts) == split
            assert family.split(named_rng("order", seed).sample(renamed, len(renamed))) == split


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PUZZLES), st.lists(st.text(max_size=30) | st.sampled_from(["done 5", "A 1 via B", "count 2"])))
def test_whatever_is_claimed_is_answered(name: str, claims: list[str]) -> None:
    environment = FAMILIES[name].start(FAMILIES[name].sample(1, "train"))
    assert isinstance(environment, StepEnvironment)
    seen = environment.execute(ToolCall(name="check_steps", arguments={"steps": claims}))
    assert seen.content and len(environment.known) <= len(claims)


@pytest.mark.parametrize("name", PUZZLES)
def test_every_order_of_cutting_a_derivation_holds(name: str) -> None:
    """One call for all steps, one for each: the same verdicts."""
    for seed, size in itertools.product(range(10), (1, 2, 99)):
        task = FAMILIES[name].sample(seed, "heldout")
        problem, environment = _problem(name, task), FAMILIES[name].start(task)
        claims = [step.claim for step in problem.deductions(random.Random(seed))]
        for start in range(0, len(claims), size):
            part = claims[start : start + size]
            seen = environment.execute(problem.call(part, claims[:start]))
            assert not contradicts(seen) and seen.content.startswith(f"{len(part)} hold")
        assert environment.verify(problem.answer(random.Random(seed)))
