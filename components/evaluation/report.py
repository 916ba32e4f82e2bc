"""Pages for people: what each stage brought, beside the baselines, and why the gate decided as it did. Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.core.markdown import markdown_table
from components.core.params import Gate, Params
from components.evaluation.verdict import GateCheck

METRICS = Path("metrics/evaluate")


def stages_markdown(params: Params, directory: Path = METRICS) -> str:
    """Tables over all evaluated stages in the order of the curriculum: text, agent tasks, phases, multiple choice."""
    metrics = {
        name: json.loads((directory / f"{name}.json").read_text(encoding="utf-8"))
        for name in params.curriculum
        if (directory / f"{name}.json").is_file()
    }
    if not metrics:
        return "No stage has been evaluated yet; `dvc repro` runs the evaluations.\n"
    return "\n".join(
        [
            _text_table(metrics),
            _agent_table(metrics, params),
            _stream_table(metrics),
            _phase_table(metrics),
            _task_table(metrics),
        ]
    )


def gate_markdown(verdict: str, gate: Gate, checks: Sequence[GateCheck]) -> str:
    """The verdict and one line for each check."""
    rows = [[check.name, check.verdict, check.reason] for check in checks]
    head = f"# Gate: {verdict}\n\n`{gate.candidate}` against `{gate.baseline}`, confidence {gate.confidence:g}.\n\n"
    return head + markdown_table(["check", "verdict", "why"], rows)


def _text_table(metrics: Mapping[str, Any]) -> str:
    domains = list(dict.fromkeys(domain for figures in metrics.values() for domain in figures["bits_per_byte"]))
    scorers = {"bits_per_byte": "model", "five_gram": "its 5-gram", "unigram": "its unigram"}
    rows = [
        [
            f"{stage}, {label}",
            f"{figures['tokens']:,}",
            *(f"{figures[key][domain]:.3f}" if domain in figures[key] else "" for domain in domains),
        ]
        for stage, figures in metrics.items()
        for key, label in scorers.items()
    ]
    title = (
        "## Held-out text, bits per byte (lower is better)\n\n"
        "Each stage's baselines are counted on the very text tokens it was trained on.\n\n"
    )
    return title + markdown_table(["after", "tokens", *domains], rows)


def _agent_table(metrics: Mapping[str, Any], params: Params) -> str:
    families = list(dict.fromkeys(family for figures in metrics.values() for family in figures["agent"]))
    last = list(metrics.values())[-1]
    scorers = {**{name: figures["agent"] for name, figures in metrics.items()}, **last["baselines"]}
    rows = [
        [name, *(_rate(figures[family]) if family in figures else "" for family in families)]
        for name, figures in scorers.items()
    ]
    titles = [f"{name} (never trained)" if name in params.evaluation.held_out_families else name for name in families]
    title = "## Agent loop, success on held-out tasks (95% interval)\n\n"
    return title + markdown_table(["after", *titles], rows)


def _stream_table(metrics: Mapping[str, Any]) -> str:
    streams = list(dict.fromkeys(stream for figures in metrics.values() for stream in figures["streams"]))
    rows = [
        [name, *(_rate(figures["streams"][stream]) if stream in figures["streams"] else "" for stream in streams)]
        for name, figures in metrics.items()
    ]
    title = "## Agent loop by stream, mean of its families (95% interval over their tasks)\n\n"
    return title + markdown_table(["after", *streams], rows)


def _phase_table(metrics: Mapping[str, Any]) -> str:
    """A row for every stage and stream, a column for every phase; below, all questions together and the baselines."""
    phases = list(dict.fromkeys(p for figures in metrics.values() for row in figures["phases"].values() for p in row))
    rows = [
        [name, stream, *(_accuracy(row[phase]) if phase in row else "" for phase in phases)]
        for name, figures in metrics.items()
        for stream, row in figures["phases"].items()
    ]
    overall = list(metrics.values())[-1]["all_phases"]
    known = (("place", "the commonest place"), ("longest", "the longest"), ("trigram", "wording alone, by trigrams"))
    said = "; ".join(f"{label} {overall[key]:.0%}" for key, label in known)
    title = (
        "## Phases: the true continuation of a held-out episode among real others (95% interval)\n\n"
        f"{overall['items']} questions, guessing {overall['guessing']:.0%}; {said}. Whoever takes the option with most "
        f"words from before: {overall['copying']:.0%}.\n\n"
    )
    return title + markdown_table(["after", "stream", *phases], rows)


def _accuracy(figures: Mapping[str, float]) -> str:
    return f"{figures['acc']:.0%} ({figures['lo']:.0%} to {figures['hi']:.0%})"


def _task_table(metrics: Mapping[str, Any]) -> str:
    tasks = list(dict.fromkeys(task for figures in metrics.values() for task in figures["tasks"]))
    rows = [
        [
            name,
            *(
                f"{figures['tasks'][task]['acc']:.2f} / {figures['tasks'][task]['acc_norm']:.2f}"
                if task in figures["tasks"]
                else ""
                for task in tasks
            ),
        ]
        for name, figures in metrics.items()
    ]
    last = list(metrics.values())[-1]["tasks"]
    rows.append(["guessing", *(f"{last[task]['guessing']:.2f}" if task in last else "" for task in tasks)])
    return "## lm-eval tasks, accuracy / length-normalised\n\n" + markdown_table(["after", *tasks], rows)


def _rate(figures: Mapping[str, float]) -> str:
    return f"{figures['success']:.0%} ({figures['lo']:.0%} to {figures['hi']:.0%})"
