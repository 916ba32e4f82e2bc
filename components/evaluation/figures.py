"""The pictures of an evaluation, for the experiment tracker."""

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
    for number, (label, by_family) in enumerate(scorers.items()):
        rates = [by_family[family]["success"] for family in families]
        below = [rate - by_family[family]["lo"] for rate, family in zip(rates, families, strict=True)]
        above = [by_family[family]["hi"] - rate for rate, family in zip(rates, families, strict=True)]
        places = [place + (number - 1) * 0.27 for place in range(len(families))]
        axes.bar(places, rates, width=0.25, yerr=[below, above], capsize=3, label=label)
    axes.set_xticks(range(len(families)), families, rotation=20, ha="right")
    axes.set_ylim(0, 1)
    axes.set_ylabel("success on held-out tasks")
    axes.set_title(f"after {metrics['tokens']:,} tokens")
    axes.legend()
    return figure


def phase_accuracy(metrics: Mapping[str, Any]) -> Figure:
    """Accuracy of finding the true continuation, by phase and stream with 95% intervals, and chance."""
    phases = metrics["phases"]
    names = list(dict.fromkeys(phase for by_phase in phases.values() for phase in by_phase))
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / max(1, len(phases))
    for number, (stream, by_phase) in enumerate(phases.items()):
        held = [(place, by_phase[name]) for place, name in enumerate(names) if name in by_phase]
        places = [place + (number - (len(phases) - 1) / 2) * width for place, _ in held]
        rates = [row["acc"] for _, row in held]
        below = [row["acc"] - row["lo"] for _, row in held]
        above = [row["hi"] - row["acc"] for _, row in held]
        axes.bar(places, rates, width=0.9 * width, yerr=[below, above], capsize=2, label=stream)
    axes.axhline(metrics["all_phases"]["guessing"], color="black", linestyle="--", linewidth=1, label="chance")
    axes.set_xticks(range(len(names)), names)
    axes.set_ylim(0, 1)
    axes.set_ylabel("true continuation found likeliest")
    axes.set_title(f"after {metrics['tokens']:,} tokens")
    axes.legend(ncols=3, fontsize=8)
    return figure
