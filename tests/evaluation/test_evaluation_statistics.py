"""Intervals, tests and power: known values, other implementations, and what must hold for every input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from components.evaluation import statistics

outcomes = st.integers(1, 60).flatmap(
    lambda size: st.tuples(
        st.lists(st.booleans(), min_size=size, max_size=size), st.lists(st.booleans(), min_size=size, max_size=size)
    )
)


@settings(deadline=None)  # the first example imports scipy.stats
@given(trials=st.integers(1, 500), share=st.floats(0, 1), confidence=st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_equals_its_formula(trials: int, share: float, confidence: float) -> None:
    """Wilson 1927: the rates whose score test does not refuse the one seen."""
    successes = round(share * trials)
    found = statistics.wilson(successes, trials, confidence)
    z, rate = scipy.stats.norm.ppf((1 + confidence) / 2), successes / trials
    centre = (rate + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half), abs=1e-12)
    assert 0 <= found.low <= found.estimate <= found.high <= 1


def test_wilson_without_trials_knows_nothing() -> None:
    assert statistics.wilson(0, 0, 0.95) == statistics.Interval(estimate=0.0, low=0.0, high=1.0)


def test_paired_difference_by_hand() -> None:
    """20 both, 12 only the first, 2 only the second, 16 neither; Newcombe's method 10 worked out with a calculator:
    Wilson bounds .5014 to .7586 and .3116 to .5769, phi (20*16 - 12*2 - 25) / sqrt(32*18*22*28) = .4550."""
    first = np.repeat([1, 1, 0, 0], [20, 12, 2, 16])
    second = np.repeat([1, 0, 1, 0], [20, 12, 2, 16])
    found = statistics.paired_rate_difference(first, second, 0.95)
    assert (found.estimate, found.low, found.high) == pytest.approx((0.2, 0.0562, 0.3292), abs=2e-4)


@settings(deadline=None)  # the first example imports scipy.stats
@given(pair=outcomes)
def test_paired_difference_is_antisymmetric_and_holds_its_estimate(pair: tuple[list[bool], list[bool]]) -> None:
    first, second = map(np.array, pair)
    one, other = (
        statistics.paired_rate_difference(first, second, 0.95),
        statistics.paired_rate_difference(second, first, 0.95),
    )
    assert -1 <= one.low <= one.estimate <= one.high <= 1
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-12)


def test_paired_difference_of_few_agreeing_tasks_stays_wide() -> None:
    found = statistics.paired_rate_difference(np.zeros(5), np.zeros(5), 0.95)
    assert found.low < -0.4 and found.high > 0.4


@pytest.mark.parametrize(("rate", "lift"), [(0.2, 0.0), (0.3, 0.25), (0.05, 0.5)])
def test_paired_difference_covers_as_it_says(rate: float, lift: float) -> None:
    generator = np.random.default_rng(8)
    hits, rounds, size = 0, 400, 60
    for _ in range(rounds):
        difficulty = generator.random(size)
        second = difficulty < rate
        first = np.where(generator.random(size) < 0.7, difficulty, generator.random(size)) < rate + lift
        found = statistics.paired_rate_difference(first, second, 0.95)
        hits += found.low <= lift <= found.high
    assert hits / rounds > 0.92


def test_mcnemar_is_the_sign_test_of_discordant_pairs() -> None:
    first = np.repeat([1, 1, 0, 0], [5, 10, 2, 7])
    second = np.repeat([1, 0, 1, 0], [5, 10, 2, 7])
    tail = sum(math.comb(12, k) for k in range(3)) / 2**12
    assert statistics.mcnemar_exact(first, second) == pytest.approx(2 * tail)
    assert statistics.mcnemar_exact(first, first) == 1.0


def test_bootstrap_of_single_items_matches_the_normal_interval() -> None:
    generator = np.random.default_rng(1)
    differences = generator.normal(0.3, 1.0, size=2000)
    found = statistics.paired_bootstrap(
        differences, np.ones(2000), np.arange(2000), replicas=4000, confidence=0.95, seed=5
    )
    error = differences.std(ddof=1) / math.sqrt(2000)
    assert found.interval.estimate == pytest.approx(differences.mean())
    assert found.standard_error == pytest.approx(error, rel=0.05)
    assert found.interval.low == pytest.approx(differences.mean() - 1.96 * error, abs=0.1 * error)
    assert found.interval.high == pytest.approx(differences.mean() + 1.96 * error, abs=0.1 * error)


def test_bootstrap_draws_whole_clusters() -> None:
    """Copies of an item within its cluster must not make the interval narrower."""
    generator = np.random.default_rng(2)
    values = generator.normal(size=50)
    once = statistics.paired_bootstrap(values, np.ones(50), np.arange(50), replicas=1000, confidence=0.9, seed=3)
    copied = statistics.paired_bootstrap(
        np.repeat(values, 20),
        np.ones(1000),
        np.repeat(np.arange(50), 20),
        replicas=1000,
        confidence=0.9,
        seed=3,
    )
    assert copied.interval.low == pytest.approx(once.interval.low)
    assert copied.interval.high == pytest.approx(once.interval.high)


def test_bootstrap_is_a_function_of_its_seed_and_never_certain() -> None:
    values, ones, clusters = np.arange(30.0), np.ones(30), np.arange(30)
    drawn = [
        statistics.paired_bootstrap(values, ones, clusters, replicas=300, confidence=0.95, seed=seed).replicas
        for seed in (4, 4, 5)
    ]
    assert np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[0], drawn[2])
    found = statistics.paired_bootstrap(values, ones, clusters, replicas=300, confidence=0.95, seed=4)
    assert found.share_above(1e9) == pytest.approx(1 / 301)
    assert found.share_above(-1e9) == 1.0


@settings(deadline=None)  # the first example imports scipy.stats
@given(p_values=st.dictionaries(st.text(max_size=3), st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_exactly_what_its_steps_reject(p_values: dict[str, float]) -> None:
    adjusted = statistics.holm(p_values)
    assert adjusted.keys() == p_values.keys()
    for level in (0.01, 0.05, 0.2):
        rejected = 0
        for rank, value in enumerate(sorted(p_values.values())):
            if value * (len(p_values) - rank) > level:
                break
            rejected += 1
        assert sum(value <= level for value in adjusted.values()) == rejected


def test_minimum_detectable_effect_is_found_with_its_power() -> None:
    effect = statistics.minimum_detectable_effect(0.1, 0.95)
    assert effect == pytest.approx(0.28016, abs=1e-4)  # (1.95996 + 0.84162) * 0.1
    drawn = np.random.default_rng(6).normal(effect, 0.1, size=20000)
    assert (drawn > 1.95996 * 0.1).mean() == pytest.approx(0.8, abs=0.02)


@settings(deadline=None)  # the first example imports scipy.stats
@given(
    parts=st.lists(
        st.integers(1, 80).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))),
        min_size=1,
        max_size=8,
    )
)
def test_the_mean_of_rates_lies_inside_and_is_known_better_than_each(parts: list[tuple[int, int]]) -> None:
    each = [statistics.wilson(successes, trials, 0.95) for successes, trials in parts]
    mean = statistics.mean_of(each)
    assert 0 <= mean.low <= mean.estimate <= mean.high <= 1 + 1e-12
    assert mean.high > mean.low, "never certain"
    assert mean.high - mean.low <= max(part.high - part.low for part in each) + 1e-12
    if len(parts) == 1:
        assert mean.low == pytest.approx(each[0].low) and mean.high == pytest.approx(each[0].high)


def test_the_mean_of_rates_covers_as_it_says() -> None:
    generator = np.random.default_rng(0)
    rates, trials = (0.05, 0.5, 0.9), 30
    covered = 0
    for successes in generator.binomial(trials, rates, size=(2000, 3)):
        mean = statistics.mean_of([statistics.wilson(int(count), trials, 0.95) for count in successes])
        covered += mean.low <= sum(rates) / 3 <= mean.high
    assert 0.93 < covered / 2000 < 0.985
