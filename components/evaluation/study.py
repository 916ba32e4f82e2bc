"""Comparing several training runs: what one change does to success by stream and by phase, over seeds.

Every run answers the same questions and episodes, and run for run the compared variants share a seed, so differences
are paired twice. An interval has two sources: other tasks (Newcombe's paired interval of each part, as if one seed's
runs were all there is) and other seeds (Student's t over the seeds' differences). Their half-widths add in squares;
since a seed's difference contains the noise of tasks as well, that is rather too wide than too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.evaluation.items import MODEL, EpisodeItem
from components.evaluation.phase_answers import PHASES, PhaseAnswer
from components.evaluation.statistics import Interval, mean_of, paired_rate_difference

# Outcomes of one run: by measure, by part (parts count alike), by item.
Outcomes = Mapping[str, Mapping[str, Mapping[str, bool]]]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What a variant does to a measure against another: rates as shares, one value a seed."""

    measure: str
    items: int
    seeds: tuple[int, ...]
    base: tuple[float, ...]
    variant: tuple[float, ...]
    interval: Interval
    over_tasks: Interval
    """For new tasks alone, these seeds taken as they are."""

    @property
    def per_seed(self) -> tuple[float, ...]:
        return tuple(ours - theirs for ours, theirs in zip(self.variant, self.base, strict=True))

    @property
    def clear(self) -> bool:
        """Whether the interval lies on one side of no difference."""
        return self.interval.low > 0 or self.interval.high < 0


def outcomes(episodes: Sequence[EpisodeItem], answers: Sequence[PhaseAnswer]) -> Outcomes:
    """One run's results as measures: `episodes/<stream>` over its families, `phases/<stream>` over its phases,
    `phases/<phase>` over the streams, both over everything, and each cell `phases/<stream>/<phase>` by itself."""
    found: dict[str, dict[str, dict[str, bool]]] = {}

    def add(measure: str, part: str, item: str, right: bool) -> None:
        found.setdefault(measure, {}).setdefault(part, {})[item] = right

    for episode in episodes:
        if episode.policy == MODEL:
            for measure in (f"episodes/{episode.stream}", "episodes/all"):
                add(measure, f"{episode.stream}/{episode.family}", episode.task, episode.success)
    for answer in answers:
        cell = f"{answer.stream}/{answer.phase}"
        for measure in (f"phases/{answer.stream}", f"phases/{answer.phase}", "phases/all", f"phases/{cell}"):
            add(measure, cell, answer.task, answer.acc)
    return found


def compare(
    base: Mapping[int, Outcomes], variant: Mapping[int, Outcomes], confidence: float, *, cells: bool = False
) -> list[Difference]:
    """`variant` less `base`, runs by seed, over the seeds that both have; with `cells` also on single cells.

    There must be such a seed. A common starting point is given as every seed's base.
    """
    seeds = tuple(sorted(base.keys() & variant.keys()))
    assert seeds, "a seed that both sides have"
    return [
        _difference(measure, seeds, [base[seed][measure] for seed in seeds], [variant[seed][measure] for seed in seeds],
                    confidence)
        for measure in sorted(base[seeds[0]], key=_place)
        if cells or measure.count("/") < 2
    ]  # fmt: skip


def _place(measure: str) -> tuple[bool, int, bool, bool, str]:
    """Episodes, then phases; everything together first, streams before phases, single cells last."""
    kind, _, which = measure.partition("/")
    return kind != "episodes", which.count("/"), which != "all", which in PHASES, which


def rate(parts: Mapping[str, Mapping[str, bool]]) -> float:
    """Mean over the parts of the share of items that came out right."""
    return sum(sum(items.values()) / len(items) for items in parts.values()) / len(parts)


def _difference(
    measure: str,
    seeds: tuple[int, ...],
    base: Sequence[Mapping[str, Mapping[str, bool]]],
    variant: Sequence[Mapping[str, Mapping[str, bool]]],
    confidence: float,
) -> Difference:
    of_seeds = [_one_seed(theirs, ours, confidence) for theirs, ours in zip(base, variant, strict=True)]
    estimates = np.array([interval.estimate for interval in of_seeds])
    estimate = float(estimates.mean())
    between = _half_width_of_seeds(estimates, confidence)
    below = float(np.mean([each.estimate - each.low for each in of_seeds]))
    above = float(np.mean([each.high - each.estimate for each in of_seeds]))
    return Difference(
        measure=measure,
        items=sum(len(items) for items in base[0].values()),
        seeds=seeds,
        base=tuple(rate(run) for run in base),
        variant=tuple(rate(run) for run in variant),
        interval=_around(estimate, math.hypot(below, between), math.hypot(above, between)),
        over_tasks=_around(estimate, below, above),
    )


def _around(estimate: float, below: float, above: float) -> Interval:
    return Interval(estimate=estimate, low=max(-1.0, estimate - below), high=min(1.0, estimate + above))


def _one_seed(
    base: Mapping[str, Mapping[str, bool]], variant: Mapping[str, Mapping[str, bool]], confidence: float
) -> Interval:
    parts = []
    for part, items in base.items():
        assert items.keys() == variant[part].keys(), f"{part}: both runs answer the same items"
        names = list(items)
        ours, theirs = np.array([variant[part][name] for name in names]), np.array([items[name] for name in names])
        parts.append(paired_rate_difference(ours, theirs, confidence))
    return mean_of(parts)


def _half_width_of_seeds(estimates: np.ndarray, confidence: float) -> float:
    """Half of Student's interval of the mean; 0 of a single seed, which says nothing about others."""
    from scipy.stats import t

    count = len(estimates)
    if count < 2:
        return 0.0
    return float(t.ppf(0.5 + confidence / 2, count - 1) * estimates.std(ddof=1) / math.sqrt(count))
