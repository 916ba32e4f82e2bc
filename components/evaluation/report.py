"""Pages for people: what each stage brought, beside the baselines, and why the gate decided as it did. Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.core.markdown import markdown_table
from components.core.params import GateParams, Params
from components.evaluation.verdict import GateCheck

METRICS = Path("metrics/evaluate")


def stages_markdown(params: Params, directory: Path = METRICS) -> str:
    """Tables over all evaluated stages in the order of the curriculum: text, agent tasks, phases, multiple choice."""
    evaluations = {
        name: json.loads((directory / f"{name}.json").read_text(encoding="utf-8"))
        for name in params.curriculum
        if (directory / f"{name}.json").is_file()
    }
    if not evaluations:
        return "No stage has been evaluated yet; `dvc repro` runs the evaluations.\n"
    return "\n".join(
        [
            _text_table(evaluations),
            _agent_table(evaluations, params),
            _stream_table(evaluations),
            _phase_table(evaluations),
            _task_table(evaluations),
        ]
    )


def gate_markdown(verdict: str, gate: GateParams, checks: Sequence[GateCheck]) -> str:
    """The verdict and one line for each check."""
    rows = [[check.name, check.verdict, check.reason] for check in checks]
    head = f"# Gate: {verdict}\n\n`{gate.candidate}` against `{gate.baseline}`, confidence {gate.confidence:g}.\n\n"
    return head + markdown_table(["check", "verdict", "why"], rows)


def _text_table(evaluations: Mapping[str, Any]) -> str:
    domains = list(dict.fromkeys(domain for metrics in evaluations.values() for domain in metrics["bits_per_byte"]))
    scorers = {"bits_per_byte": "model", "five_gram": "its 5-gram", "unigram": "its unigram"}
    rows = [
        [
            f"{stage}, {label}",
            f"{metrics['tokens']:,}",
            *(f"{metrics[key][domain]:.3f}" if domain in metrics[key] else "" for domain in domains),
        ]
        for stage, metrics in evaluations.items()
        for key, label in scorers.items()
    ]
    title = (
        "## Held-out text, bits per byte (lower is better)\n\n"
        "Each stage's baselines are counted on the very text tokens it was trained on.\n\n"
    )
    return title + markdown_table(["after", "tokens", *domains], rows)


def _agent_table(evaluations: Mapping[str, Any], params: Params) -> str:
    families = list(dict.fromkeys(family for metrics in evaluations.values() for family in metrics["agent"]))
    last = list(evaluations.values())[-1]
    scorers = {**{name: metrics["agent"] for name, metrics in evaluations.items()}, **last["baselines"]}
    rows = [
        [name, *(_rate(metrics[family]) if family in metrics else "" for family in families)]
        for name, metrics in scorers.items()
    ]
    titles = [f"{name} (never trained)" if name in params.evaluation.held_out_families else name for name in families]
    title = "## Agent loop, success on held-out tasks (95% interval)\n\n"
    return title + markdown_table(["after", *titles], rows)


def _stream_table(evaluations: Mapping[str, Any]) -> str:
    streams = list(dict.fromkeys(stream for metrics in evaluations.values() for stream in metrics["streams"]))
    rows = [
        [name, *(_rate(metrics["streams"][stream]) if stream in metrics["streams"] else "" for stream in streams)]
        for name, metrics in evaluations.items()
    ]
    title = "## Agent loop by stream, mean of its families (95% interval over their tasks)\n\n"
    return title + markdown_table(["after", *streams], rows)


def _phase_table(evaluations: Mapping[str, Any]) -> str:
    """A row for every stage and stream, a column for every phase; below, all questions together and the baselines."""
    phases = list(
        dict.fromkeys(p for metrics in evaluations.values() for row in metrics["phases"].values() for p in row)
    )
    rows = [
        [name, stream, *(_accuracy(row[phase]) if phase in row else "" for phase in phases)]
        for name, metrics in evaluations.items()
        for stream, row in metrics["phases"].items()
    ]
    overall = list(evaluations.values())[-1]["all_phases"]
    known = (("place", "the commonest place"), ("longest", "the longest"), ("trigram", "wording alone, by trigrams"))
    baselines = "; ".join(f"{label} {overall[key]:.0%}" for key, label in known)
    title = (
        "## Phases: the true continuation of a held-out episode among real others (95% interval)\n\n"
        f"{overall['items']} questions, guessing {overall['guessing']:.0%}; {baselines}. "
        f"Whoever takes the option with most words from before: {overall['copying']:.0%}.\n\n"
    )
    return title + markdown_table(["after", "stream", *phases], rows)


def _accuracy(metrics: Mapping[str, float]) -> str:
    return f"{metrics['acc']:.0%} ({metrics['lo']:.0%} to {metrics['hi']:.0%})"


def _task_table(evaluations: Mapping[str, Any]) -> str:
    tasks = list(dict.fromkeys(task for metrics in evaluations.values() for task in metrics["tasks"]))
    rows = [
        [
            name,
            *(
                f"{metrics['tasks'][task]['acc']:.2f} / {metrics['tasks'][task]['acc_norm']:.2f}"
                if task in metrics["tasks"]
                else ""
                for task in tasks
            ),
        ]
        for name, metrics in evaluations.items()
    ]
    last = list(evaluations.values())[-1]["tasks"]
    rows.append(["guessing", *(f"{last[task]['guessing']:.2f}" if task in last else "" for task in tasks)])
    return "## lm-eval tasks, accuracy / length-normalised\n\n" + markdown_table(["after", *tasks], rows)


def _rate(metrics: Mapping[str, float]) -> str:
    return f"{metrics['success']:.0%} ({metrics['lo']:.0%} to {metrics['hi']:.0%})"
