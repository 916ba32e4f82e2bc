"""Questions that may have one answer, none, or not be determined, as `questions.yaml` describes them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from components.agent.environment import Split
from components.agent.messages import ToolCall
from components.core.params import read_yaml
from components.tasks.kit.splits import split_of
from components.tasks.math.derivation import Givens, draw_nonzero
from components.tasks.math.expressions import evaluate, holds, show, substitute
from components.tasks.math.schemas import SCHEMAS
from components.tasks.math.tools import check_call, evaluate_call

Solvability = Literal["value", "none", "open"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question with its numbers, and what decides it; `questions.yaml` says what the fields mean.

    `probes` are expressions by name, and `proof` the integers that must stand in each of them.
    """

    solvability: Solvability
    asked: tuple[str, ...]
    statement: str
    prompts: tuple[str, ...]
    probes: dict[str, str]
    proof: tuple[tuple[int, ...], ...]
    solution: dict[str, str]
    witnesses: tuple[dict[str, str], ...]
    trap: ToolCall
    lesson: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class QuestionKind:
    """A kind of question: how to draw one of a solvability, its split for good, and its `entry` in the file."""

    entry: Mapping[str, Any]
    draw: Callable[[random.Random, Solvability], Givens]
    split: Callable[[Givens], Split]

    @property
    def solvabilities(self) -> tuple[Solvability, ...]:
        return tuple(self.entry["cases"])

    def decide(self, givens: Givens) -> Question:
        """The question of these numbers."""
        values = {name: Fraction(value) for name, value in givens.items()}
        values |= {name: evaluate(text, values) for name, text in self.entry.get("let", {}).items()}
        texts = {name: show(value) for name, value in values.items()}

        def fill(templates: Mapping[str, str]) -> dict[str, str]:
            return {name: substitute(template, texts) for name, template in templates.items()}

        solvability, case = next(
            (solvability, {**self.entry, **case})
            for solvability, case in self.entry["cases"].items()
            if "if" not in case or holds(case["if"], values)
        )
        statement, trap = substitute(case["statement"], texts), case["trap"]
        return Question(
            solvability=solvability,
            asked=tuple(case["asked"]),
            statement=statement,
            prompts=tuple(case["prompts"]),
            probes=fill(case.get("probes", {})),
            proof=tuple(tuple(int(values[name]) for name in names) for names in case.get("proof", ())),
            solution=fill(case.get("solution", {})),
            witnesses=tuple(map(fill, case.get("witnesses", ()))),
            trap=evaluate_call(substitute(trap, texts)) if isinstance(trap, str) else check_call(statement, fill(trap)),
            lesson=case["lesson"],
            reason=case.get("reason", ""),
        )


def _draw_system(rng: random.Random, solvability: Solvability) -> Givens:
    if solvability == "value":
        return SCHEMAS["system"].draw(rng)
    a, b, c = (draw_nonzero(rng, 9) for _ in range(3))
    factor = rng.choice((-3, -2, 2, 3, 4))
    off = 0 if solvability == "open" else draw_nonzero(rng, 9)
    return {"a": a, "b": b, "c": c, "d": factor * a, "e": factor * b, "f": factor * c + off}


def _draw_quadratic(rng: random.Random, solvability: Solvability) -> Givens:
    while True:
        if solvability == "value":
            givens = SCHEMAS["quadratic"].draw(rng)
            if givens["b"]:  # otherwise the wrong sign of the trap is none
                return givens
        else:
            b, c = draw_nonzero(rng, 12), rng.randint(2, 60)
            if b * b < 4 * c:
                return {"b": b, "c": c}


def _draw_congruence(rng: random.Random, solvability: Solvability) -> Givens:
    while True:
        m, a = rng.randint(5, 60), rng.randint(2, 40)
        b, g = rng.randint(1, m - 1), math.gcd(a, m)
        if a % m == 0 or (a * (b - a)) % m == b:
            continue
        if solvability == ("value" if g == 1 else "none" if b % g else "open"):
            return {"a": a, "b": b, "m": m}


def _draw_prices(rng: random.Random, solvability: Solvability) -> Givens:
    n, k, x, p = rng.randint(2, 9), rng.randint(2, 9), rng.randint(2, 20), rng.randint(2, 20)
    if solvability == "value":
        return {"n": n, "k": k, "t": n * x + k * p, "p": p}
    if solvability == "none":
        return {"n": n, "k": k, "t": k * p - rng.randint(1, k * p - 1), "p": p}
    return {"n": n, "k": k, "t": n * x + k * (p + 1)}


_ENTRIES = read_yaml(Path(__file__).with_name("questions.yaml"))
KINDS: dict[str, QuestionKind] = {
    name: QuestionKind(entry=_ENTRIES[name], draw=draw, split=split)
    for name, draw, split in (
        ("system", _draw_system, SCHEMAS["system"].split),
        ("quadratic", _draw_quadratic, SCHEMAS["quadratic"].split),
        ("congruence", _draw_congruence, lambda givens: split_of("mathematics", "congruence", *givens.values())),
        ("prices", _draw_prices, lambda givens: split_of("mathematics", "prices", *sorted(givens.items()))),
    )
}
