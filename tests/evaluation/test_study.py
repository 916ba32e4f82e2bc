"""Differences between runs: paired, never certain from few items, wider where seeds disagree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.evaluation.items import EpisodeItem
from components.evaluation.phase_answers import PhaseAnswer
from components.evaluation.study import Difference, Outcomes, compare, outcomes, rate

Run = dict[str, dict[str, dict[str, bool]]]


def run_of(right: dict[str, list[bool]]) -> Run:
    """A run with one measure whose parts answered so."""
    return {"m": {part: {str(number): value for number, value in enumerate(values)} for part, values in right.items()}}


@st.composite
def paired_runs(draw: st.DrawFn) -> tuple[dict[int, Run], dict[int, Run]]:
    parts = {name: draw(st.integers(1, 20)) for name in draw(st.sampled_from([("a",), ("a", "b"), ("a", "b", "c")]))}
    seeds = range(draw(st.integers(1, 4)))

    def run() -> Run:
        return run_of({name: draw(st.lists(st.booleans(), min_size=n, max_size=n)) for name, n in parts.items()})

    return {seed: run() for seed in seeds}, {seed: run() for seed in seeds}


def only(differences: list[Difference]) -> Difference:
    (found,) = differences
    return found


@settings(max_examples=60, deadline=None)
@given(runs=paired_runs())
def test_a_difference_is_antisymmetric_and_its_interval_holds_it(runs: tuple[dict[int, Run], dict[int, Run]]) -> None:
    first, second = runs
    there, back = only(compare(first, second, 0.95)), only(compare(second, first, 0.95))
    assert there.interval.estimate == pytest.approx(-back.interval.estimate)
    assert there.interval.low == pytest.approx(-back.interval.high)
    assert -1 <= there.interval.low <= there.interval.estimate <= there.interval.high <= 1
    assert there.interval.low < there.interval.high, "never certain"
    assert there.interval.estimate == pytest.approx(np.mean(there.per_seed))
    assert there.variant == tuple(rate(run["m"]) for run in second.values())


def test_seeds_that_disagree_widen_the_interval() -> None:
    base = dict.fromkeys(range(3), run_of({"a": [False] * 40}))
    alike = dict.fromkeys(range(3), run_of({"a": [True] * 20 + [False] * 20}))
    apart = {count: run_of({"a": [True] * right + [False] * (40 - right)}) for count, right in enumerate((4, 20, 36))}
    narrow, wide = only(compare(base, alike, 0.95)), only(compare(base, apart, 0.95))
    assert narrow.interval.estimate == pytest.approx(wide.interval.estimate) == pytest.approx(0.5)
    assert narrow.clear and not wide.clear
    assert wide.over_tasks.high - wide.over_tasks.low < wide.interval.high - wide.interval.low
    assert narrow.over_tasks == narrow.interval, "seeds that agree add nothing"


def test_only_seeds_that_both_sides_have_are_compared() -> None:
    base = {1: run_of({"a": [False, False]}), 2: run_of({"a": [False, True]}), 3: run_of({"a": [True, True]})}
    found = only(compare(base, {3: run_of({"a": [True, False]}), 1: run_of({"a": [True, True]})}, 0.95))
    assert found.seeds == (1, 3)
    assert found.per_seed == (1.0, -0.5)


def test_measures_are_made_of_streams_families_and_phases() -> None:
    def episode(stream: str, family: str, success: bool, policy: str = "model") -> EpisodeItem:
        return EpisodeItem(
            policy=policy, stream=stream, family=family, task=f"{family}/1", success=success, turns=1, tool_calls=1,
            parse_errors=0, end="answered",
        )  # fmt: skip

    def answer(stream: str, phase: str, acc: bool) -> PhaseAnswer:
        return PhaseAnswer(
            stream=stream, family=stream, task=f"{stream}/1", phase=phase, turn=0, gold=0, options=("a", "b"),
            log_likelihoods=(-1.0, -2.0), acc=acc, acc_norm=acc, longest=False, trigram=False, copying=False,
        )  # fmt: skip

    episodes = [episode("math", "add", True), episode("math", "gcd", False), episode("math", "add", True, "no_op")]
    answers = [answer("math", "plan", True), answer("tool", "plan", False), answer("tool", "action", True)]
    found: Outcomes = outcomes(episodes, answers)
    assert {measure: rate(parts) for measure, parts in found.items()} == {
        "episodes/math": 0.5,
        "episodes/all": 0.5,
        "phases/math": 1.0,
        "phases/tool": 0.5,
        "phases/plan": 0.5,
        "phases/action": 1.0,
        "phases/all": pytest.approx(2 / 3),
        "phases/math/plan": 1.0,
        "phases/tool/plan": 0.0,
        "phases/tool/action": 1.0,
    }
