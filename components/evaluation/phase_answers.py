"""Answers to the questions about phases, and the metrics made of them.

Baselines that read no question say how much of a score could come from looks: always the same place, the longest text,
the way true texts of the family sound. One that only compares words says how much could come from copying.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from components.evaluation.statistics import wilson

Phase = Literal["plan", "action", "diagnosis", "reflection", "summary"]
PHASES: tuple[Phase, ...] = get_args(Phase)
OPTIONS = 4
BASELINES = ("place", "longest", "trigram", "copying")


@dataclass(frozen=True, kw_only=True)
class PhaseAnswer:
    """One question about a phase and what the checkpoint, and each baseline, made of it."""

    stream: str
    family: str
    task: str
    phase: str
    turn: int
    gold: int
    options: tuple[str, ...]
    log_likelihoods: tuple[float, ...]  # nats, one per option
    acc: bool
    acc_norm: bool  # log-likelihoods per byte of the option
    longest: bool
    trigram: bool
    copying: bool


def phase_metrics(answers: Sequence[PhaseAnswer], confidence: float) -> dict[str, dict[str, dict[str, float | int]]]:
    """Figures by stream and phase: accuracy with Wilson's interval, the same less chance, and every baseline.

    `adjusted` is (acc - guessing) / (1 - guessing): 0 at chance, 1 when all is right.
    """
    found: dict[str, dict[str, dict[str, float | int]]] = {}
    for stream in dict.fromkeys(answer.stream for answer in answers):
        for phase in PHASES:
            members = [answer for answer in answers if (answer.stream, answer.phase) == (stream, phase)]
            if members:
                found.setdefault(stream, {})[phase] = _metrics(members, confidence)
    return found


def all_phases(answers: Sequence[PhaseAnswer], confidence: float) -> dict[str, float | int]:
    """The same metrics over all questions, the one place where the baselines rest on many."""
    return _metrics(answers, confidence)


def _metrics(members: Sequence[PhaseAnswer], confidence: float) -> dict[str, float | int]:
    accuracy = wilson(sum(answer.acc for answer in members), len(members), confidence)
    guessing = sum(1 / len(answer.options) for answer in members) / len(members)
    places = [sum(answer.gold == place for answer in members) for place in range(OPTIONS)]
    return {
        "acc": accuracy.estimate,
        "lo": accuracy.low,
        "hi": accuracy.high,
        "acc_norm": sum(answer.acc_norm for answer in members) / len(members),
        "adjusted": (accuracy.estimate - guessing) / (1 - guessing),
        "guessing": guessing,
        "items": len(members),
        "place": max(places) / len(members),
        **{name: sum(getattr(answer, name) for answer in members) / len(members) for name in BASELINES[1:]},
    }
