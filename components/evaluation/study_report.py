"""A study for people: one table of differences with intervals and every seed's value, and one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from components.core.markdown import markdown_table
from components.evaluation.statistics import Interval
from components.evaluation.study import Difference

StudyRow = dict[str, str]


def rows(compared: Mapping[str, Sequence[Difference]]) -> list[StudyRow]:
    """A row for each comparison and measure, as text; rates in percent, differences in points."""
    return [
        {
            "comparison": name,
            "measure": each.measure,
            "items": str(each.items),
            "from": _mean(each.base),
            "to": _mean(each.variant),
            "difference": f"{100 * each.interval.estimate:+.1f}",
            "95% over tasks": _format(each.over_tasks),
            "over tasks and seeds": _format(each.interval) if len(each.seeds) > 1 else "one seed",
            "clear": "yes" if each.clear else "",
            "by seed": ", ".join(
                f"{seed}: {100 * value:+.1f}" for seed, value in zip(each.seeds, each.per_seed, strict=True)
            ),
        }
        for name, differences in compared.items()
        for each in differences
    ]


def markdown(title: str, facts: Mapping[str, str], table: Sequence[StudyRow]) -> str:
    lines = [f"## {title}", "", *(f"- {name}: {value}" for name, value in facts.items()), ""]
    page = "".join(f"{line}\n" for line in lines)
    return page + (markdown_table(list(table[0]), [row.values() for row in table]) if table else "")


def plot(compared: Mapping[str, Sequence[Difference]]) -> Figure:
    """Differences with their intervals, a panel for each comparison; single cells are left to the table."""
    names = list(compared)
    measures = [each.measure for each in compared[names[0]] if each.measure.count("/") < 2]
    figure = Figure(figsize=(2.6 * len(names) + 2.2, 0.28 * len(measures) + 1.6), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    places = range(len(measures))
    for panel, name in zip(panels, names, strict=True):
        found = {each.measure: each for each in compared[name]}
        held = [(place, found[measure]) for place, measure in enumerate(measures) if measure in found]
        estimates = [100 * each.interval.estimate for _, each in held]
        below = [100 * (each.interval.estimate - each.interval.low) for _, each in held]
        above = [100 * (each.interval.high - each.interval.estimate) for _, each in held]
        panel.errorbar(estimates, [place for place, _ in held], xerr=[below, above], fmt="o", markersize=3, capsize=2)
        for place, each in held:
            panel.plot([100 * value for value in each.per_seed], [place] * len(each.per_seed), "k|", alpha=0.5)
        panel.axvline(0, color="grey", linewidth=1)
        panel.set_title(name, fontsize=9)
        panel.set_xlabel("points")
    panels[0].set_yticks(places, measures)
    panels[0].invert_yaxis()
    return figure


def _format(interval: Interval) -> str:
    return f"{100 * interval.low:+.1f} to {100 * interval.high:+.1f}"


def _mean(values: Sequence[float]) -> str:
    return f"{100 * sum(values) / len(values):.1f}%"
