"""Intervals, paired tests and power: how far a figure of an evaluation may be trusted.

Everything is computed from item-level results. Differences are paired: both checkpoints answer the same tasks and are
scored on the same bytes, so what an item's difficulty adds to both cancels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

_REPLICAS_PER_CHUNK = 256  # bounds the resampling matrix to 256 x clusters, whatever the number of replicas


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A point estimate between its confidence bounds."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class BootstrapResult:
    """A resampled estimate: its interval, its standard error and the replicas it rests on."""

    interval: Interval
    standard_error: float
    replicas: np.ndarray

    def share_above(self, bound: float) -> float:
        """One-sided p-value for "the true value is at least `bound`": the share of replicas there, never 0."""
        return float((np.count_nonzero(self.replicas >= bound) + 1) / (len(self.replicas) + 1))


def wilson(successes: int, trials: int, confidence: float) -> Interval:
    """Wilson's score interval of a rate (Wilson 1927). No trials give the whole of [0, 1]."""
    assert 0 <= successes <= trials
    if trials == 0:
        return Interval(estimate=0.0, low=0.0, high=1.0)
    from scipy.stats import binomtest

    bounds = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return Interval(estimate=successes / trials, low=float(bounds.low), high=float(bounds.high))


def mean_of(parts: Sequence[Interval]) -> Interval:
    """Interval of the plain mean of independent quantities from theirs: the squared distances to their bounds add up.

    MOVER, Zou and Donner 2008, Statistics in Medicine 27:1693. For rates of families within a stream it treats the
    families as fixed and their tasks as drawn, and like its parts never shrinks to a point.
    """
    assert parts
    estimate = sum(part.estimate for part in parts) / len(parts)
    below = math.sqrt(sum((part.estimate - part.low) ** 2 for part in parts)) / len(parts)
    above = math.sqrt(sum((part.high - part.estimate) ** 2 for part in parts)) / len(parts)
    return Interval(estimate=estimate, low=estimate - below, high=estimate + above)


def paired_rate_difference(first: np.ndarray, second: np.ndarray, confidence: float) -> Interval:
    """Interval of `mean(first) - mean(second)` for outcomes (0 or 1) of the same tasks in the same order.

    Newcombe's hybrid score interval (Newcombe 1998, Statistics in Medicine 17:2635, method 10). Unlike a bootstrap it
    does not shrink to a point where all outcomes agree, so few tasks can never look like certainty.
    """
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    assert first.shape == second.shape and first.ndim == 1
    tasks = len(first)
    if tasks == 0:
        return Interval(estimate=0.0, low=-1.0, high=1.0)
    one, two = wilson(int(first.sum()), tasks, confidence), wilson(int(second.sum()), tasks, confidence)
    phi = _phi(first, second)
    difference = one.estimate - two.estimate

    def spread(toward: float, other: float) -> float:
        return math.sqrt(max(0.0, toward**2 - 2 * phi * toward * other + other**2))

    return Interval(
        estimate=difference,
        low=max(-1.0, difference - spread(one.estimate - one.low, two.high - two.estimate)),
        high=min(1.0, difference + spread(two.estimate - two.low, one.high - one.estimate)),
    )


def mcnemar_exact(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p-value that `first` and `second` succeed equally often on the same tasks; discordant pairs decide."""
    from scipy.stats import binomtest

    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second, 0.5).pvalue)


def paired_bootstrap(
    differences: np.ndarray, sizes: np.ndarray, clusters: np.ndarray, *, replicas: int, confidence: float, seed: int
) -> BootstrapResult:
    """Percentile bootstrap of `sum(differences) / sum(sizes)`, drawing whole clusters with replacement.

    For bits per byte the differences are bits and the sizes bytes of a piece of text, the clusters its documents.
    All three arrays have shape (items,).
    """
    assert differences.shape == sizes.shape == clusters.shape and differences.ndim == 1 and len(differences) > 0
    _, member = np.unique(clusters, return_inverse=True)
    by_cluster = np.stack([np.bincount(member, weights=differences), np.bincount(member, weights=sizes)], axis=1)
    count = len(by_cluster)
    generator = np.random.default_rng(seed)
    sums = [
        generator.multinomial(count, np.full(count, 1 / count), size=min(_REPLICAS_PER_CHUNK, replicas - start))
        @ by_cluster
        for start in range(0, replicas, _REPLICAS_PER_CHUNK)
    ]
    totals = np.concatenate(sums)
    drawn = totals[:, 0] / totals[:, 1]
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    estimate = float(by_cluster[:, 0].sum() / by_cluster[:, 1].sum())
    return BootstrapResult(
        interval=Interval(estimate=estimate, low=float(low), high=float(high)),
        standard_error=float(drawn.std(ddof=1)),
        replicas=drawn,
    )


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P-values adjusted for looking at all of them (Holm 1979): uniformly stronger than Bonferroni, no assumptions."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda key: (p_values[key], key))):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = highest
    return {name: adjusted[name] for name in p_values}


def minimum_detectable_effect(standard_error: float, confidence: float, power: float = 0.8) -> float:
    """The true effect that a two-sided test at `confidence` would notice with probability `power`."""
    return (quantile(confidence) + NormalDist().inv_cdf(power)) * standard_error


def standard_error(interval: Interval, confidence: float) -> float:
    """The standard error that a two-sided normal interval of this width stands for."""
    return (interval.high - interval.low) / (2 * quantile(confidence))


def quantile(confidence: float) -> float:
    """Standard normal quantile of a two-sided interval: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def _phi(first: np.ndarray, second: np.ndarray) -> float:
    """Correlation of paired outcomes, Newcombe's continuity correction included; 0 where a margin is empty."""
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if margins == 0:
        return 0.0
    product: float = both * neither - only_first * only_second
    if product > 0:
        product = max(0.0, product - len(first) / 2)
    return product / math.sqrt(margins)
