"""The two pictures of an evaluation, for the experiment tracker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure


def bits_by_domain(metrics: Mapping[str, Any]) -> Figure:
    """Bits per byte of each domain: the model beside the counting baselines. Lower is better."""
    domains = list(metrics["bits_per_byte"])
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    scorers = (("unigram", "unigram"), ("five_gram", "5-gram"), ("bits_per_byte", "model"))
    for number, (key, label) in enumerate(scorers):
        places = [place + (number - 1) * 0.27 for place in range(len(domains))]
        bars = axes.bar(places, [metrics[key][domain] for domain in domains], width=0.25, label=label)
        axes.bar_label(bars, fmt="%.2f", fontsize=7)
    axes.set_xticks(range(len(domains)), domains)
    axes.set_ylabel("bits per byte of held-out text")
    axes.set_title(f"after {metrics['tokens']:,} tokens")
    axes.legend()
    return figure


def agent_success(metrics: Mapping[str, Any]) -> Figure:
    """Success on held-out agent tasks by family with 95% intervals, beside the baselines."""
    families = list(metrics["agent"])
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    scorers = {**metrics["baselines"], "model": metrics["agent"]}
    for number, (label, figures) in enumerate(scorers.items()):
        rates = [figures[family]["success"] for family in families]
        below = [rate - figures[family]["lo"] for rate, family in zip(rates, families, strict=True)]
        above = [figures[family]["hi"] - rate for rate, family in zip(rates, families, strict=True)]
        places = [place + (number - 1) * 0.27 for place in range(len(families))]
        axes.bar(places, rates, width=0.25, yerr=[below, above], capsize=3, label=label)
    axes.set_xticks(range(len(families)), families, rotation=20, ha="right")
    axes.set_ylim(0, 1)
    axes.set_ylabel("success on held-out tasks")
    axes.set_title(f"after {metrics['tokens']:,} tokens")
    axes.legend()
    return figure
