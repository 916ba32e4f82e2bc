"""Questions that may have one answer, none, or not be determined, each proven by numbers.

A `Question` carries what decides it: expressions to work out, the substitution that solves it, two different
witnesses where it is not determined, and a trap: a call that takes the question for an ordinary one, or solves it by
a misconception, and really errs or fails.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from components.agent.environment import Split
from components.agent.messages import ToolCall
from components.tasks.kit.splits import split_of
from components.tasks.math.complex import QUADRATIC, SYSTEM
from components.tasks.math.derivation import Givens, draw_nonzero
from components.tasks.math.expressions import evaluate, substitute
from components.tasks.math.tools import check_call, evaluate_call

Outcome = Literal["value", "none", "open"]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A number that decides: its expression, its name."""

    expression: str
    goal: str

    @property
    def value(self) -> Fraction:
        return evaluate(self.expression)


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question. `solution` binds the unknowns (outcome value), `witnesses` do twice (outcome open).

    `proof` says which integers must stand in the expressions that gave the probes' values (outcome none), `reason` in
    words why there is no single value.
    """

    outcome: Outcome
    statement: str
    asked: tuple[str, ...]
    probes: tuple[Probe, ...]
    proof: tuple[tuple[int, ...], ...]
    solution: dict[str, str]
    witnesses: tuple[dict[str, str], ...]
    trap: ToolCall
    lesson: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of question: how to draw one of an outcome, how to decide it, its words, its split."""

    name: str
    outcomes: tuple[Outcome, ...]
    draw: Callable[[random.Random, Outcome], Givens]
    decide: Callable[[Givens], Question]
    prompts: Callable[[Givens], tuple[str, ...]]
    split: Callable[[Givens], Split]


def _filled(givens: Givens) -> Callable[[str], str]:
    texts = {name: str(value) for name, value in givens.items()}
    return lambda template: substitute(template, texts)


def _draw_system(rng: random.Random, outcome: Outcome) -> Givens:
    if outcome == "value":
        return SYSTEM[0].draw(rng)
    a, b, c = (draw_nonzero(rng, 9) for _ in range(3))
    factor = rng.choice((-3, -2, 2, 3, 4))
    off = 0 if outcome == "open" else draw_nonzero(rng, 9)
    return {"a": a, "b": b, "c": c, "d": factor * a, "e": factor * b, "f": factor * c + off}


def _decide_system(givens: Givens) -> Question:
    fill = _filled(givens)
    a, b, c, d, e, f = (givens[name] for name in "abcdef")
    statement, determinant = fill("a*x+b*y=c; d*x+e*y=f"), Probe(expression=fill("a*e-b*d"), goal="the determinant")
    minor = Probe(expression=fill("c*e-b*f"), goal="the determinant for x")
    if determinant.value:
        return Question(
            outcome="value",
            statement=statement,
            asked=("x", "y"),
            probes=(determinant,),
            proof=(),
            solution={"x": fill("(c*e-b*f)/(a*e-b*d)"), "y": fill("(a*f-c*d)/(a*e-b*d)")},
            witnesses=(),
            trap=check_call(statement, {"x": fill("(c*e-b*f)/(a*e-b*d)"), "y": fill("(c*d-a*f)/(a*e-b*d)")}),
            lesson="The order of a difference matters",
            reason="",
        )
    return Question(
        outcome="none" if minor.value else "open",
        statement=statement,
        asked=("x", "y"),
        probes=(determinant, minor),
        proof=((a, b, d, e), (b, c, e, f)) if minor.value else (),
        solution={},
        witnesses=() if minor.value else ({"x": fill("(c-b)/a"), "y": "1"}, {"x": fill("(c-b*2)/a"), "y": "2"}),
        trap=evaluate_call(fill("(c*e-b*f)/(a*e-b*d)")),
        lesson="The left sides are multiples of each other, so one cannot divide here",
        reason="the equations contradict" if minor.value else "one equation says the same as the other",
    )


def _draw_quadratic(rng: random.Random, outcome: Outcome) -> Givens:
    while True:
        if outcome == "value":
            givens = QUADRATIC[0].draw(rng)
            if givens["b"]:  # otherwise the sign slip of the trap is none
                return givens
        else:
            b, c = draw_nonzero(rng, 12), rng.randint(2, 60)
            if b * b < 4 * c:
                return {"b": b, "c": c}


def _decide_quadratic(givens: Givens) -> Question:
    fill = _filled(givens)
    b, c = givens["b"], givens["c"]
    statement, discriminant = fill("x*x+b*x+c=0"), Probe(expression=fill("b*b-4*c"), goal="the discriminant")
    real = discriminant.value >= 0
    slip, naive = fill("(sqrt(b*b-4*c)+b)/2"), fill("(sqrt(b*b-4*c)-b)/2")
    return Question(
        outcome="value" if real else "none",
        statement=statement,
        asked=("x",),
        probes=(discriminant,),
        proof=() if real else ((b, b, c),),
        solution={"x": naive} if real else {},
        witnesses=(),
        trap=check_call(statement, {"x": slip}) if real else evaluate_call(naive),
        lesson="The coefficient enters with the other sign" if real else "First see whether there is a root at all",
        reason="" if real else "a negative number has no real root",
    )


def _draw_congruence(rng: random.Random, outcome: Outcome) -> Givens:
    while True:
        m, a = rng.randint(5, 60), rng.randint(2, 40)
        b, g = rng.randint(1, m - 1), math.gcd(a, m)
        if a % m == 0 or (a * (b - a)) % m == b:
            continue
        if outcome == ("value" if g == 1 else "none" if b % g else "open"):
            return {"a": a, "b": b, "m": m}


def _decide_congruence(givens: Givens) -> Question:
    fill = _filled(givens)
    a, b, m = givens["a"], givens["b"], givens["m"]
    g = math.gcd(a, m)
    statement, divisor = fill("a*x % m = b"), Probe(expression=fill("gcd(a,m)"), goal="the common divisor")
    left = Probe(expression=fill(f"b % {g}"), goal="what it leaves of the right side")
    if g == 1:
        return Question(
            outcome="value",
            statement=statement,
            asked=("x",),
            probes=(divisor,),
            proof=(),
            solution={"x": fill("inv(a,m)*b % m")},
            witnesses=(),
            trap=check_call(statement, {"x": fill("(b-a) % m")}),
            lesson="The factor must be inverted, not taken away",
            reason="",
        )
    first = f"inv({a}/{g},{m}/{g})*({b}/{g}) % ({m}/{g})"
    return Question(
        outcome="none" if b % g else "open",
        statement=statement,
        asked=("x",),
        probes=(divisor, left),
        proof=((a, m), (b, g)) if b % g else (),
        solution={},
        witnesses=() if b % g else ({"x": first}, {"x": f"{first} + {m}/{g}"}),
        trap=evaluate_call(fill("inv(a,m)*b % m")),
        lesson="Factor and modulus share a divisor, so one cannot invert here",
        reason="the common divisor does not divide the right side" if b % g else "more than one fits",
    )


def _draw_prices(rng: random.Random, outcome: Outcome) -> Givens:
    n, k, x, p = rng.randint(2, 9), rng.randint(2, 9), rng.randint(2, 20), rng.randint(2, 20)
    if outcome == "value":
        return {"n": n, "k": k, "t": n * x + k * p, "p": p}
    if outcome == "none":
        return {"n": n, "k": k, "t": k * p - rng.randint(1, k * p - 1), "p": p}
    return {"n": n, "k": k, "t": n * x + k * (p + 1)}


def _decide_prices(givens: Givens) -> Question:
    fill = _filled(givens)
    if "p" not in givens:
        statement = fill("n*x+k*y=t; x>0; y>0")
        return Question(
            outcome="open",
            statement=statement,
            asked=("x",),
            probes=(),
            proof=(),
            solution={},
            witnesses=({"x": fill("(t-k)/n"), "y": "1"}, {"x": fill("(t-k*2)/n"), "y": "2"}),
            trap=check_call(statement, {"x": fill("t/n"), "y": "1"}),
            lesson="The second price was left out, and nothing says what it is",
            reason="the second price is missing",
        )
    statement, rest = fill("n*x+k*y=t; y=p; x>0"), Probe(expression=fill("t-k*p"), goal="what is left for the first")
    solvable = rest.value > 0
    wrong = fill("t/n") if solvable else fill("(t-k*p)/n")
    return Question(
        outcome="value" if solvable else "none",
        statement=statement,
        asked=("x",),
        probes=(rest,),
        proof=() if solvable else ((givens["t"], givens["k"], givens["p"]),),
        solution={"x": fill("(t-k*p)/n"), "y": fill("p")} if solvable else {},
        witnesses=(),
        trap=check_call(statement, {"x": wrong, "y": fill("p")}),
        lesson="The second price counts too" if solvable else "No price is negative, so the sum cannot be right",
        reason="" if solvable else "nothing is left to pay for the first",
    )


def _prices_prompts(givens: Givens) -> tuple[str, ...]:
    known = " One {1} costs {p}." if "p" in givens else ""
    return tuple(
        f"{{n}} {first}s and {{k}} {second}s cost {{t}} together.{known.replace('{1}', second)}"
        f" What does one {first} cost?"
        for first, second in (("pen", "book"), ("ticket", "map"), ("cup", "plate"))
    )


KINDS: tuple[Kind, ...] = (
    Kind(
        name="system",
        outcomes=("value", "none", "open"),
        draw=_draw_system,
        decide=_decide_system,
        prompts=lambda givens: (
            "Solve {a}x + {b}y = {c} and {d}x + {e}y = {f}.",
            "Which x and y satisfy both {a}x + {b}y = {c} and {d}x + {e}y = {f}?",
        ),
        split=SYSTEM[0].split,
    ),
    Kind(
        name="quadratic",
        outcomes=("value", "none"),
        draw=_draw_quadratic,
        decide=_decide_quadratic,
        prompts=lambda givens: (
            "What is the larger real solution of x^2 + {b}x + {c} = 0?",
            "Which is the largest real x with x^2 + {b}x + {c} = 0?",
        ),
        split=QUADRATIC[0].split,
    ),
    Kind(
        name="congruence",
        outcomes=("value", "none", "open"),
        draw=_draw_congruence,
        decide=_decide_congruence,
        prompts=lambda givens: (
            "Which x from 0 to below {m} leaves remainder {b} when {a}x is divided by {m}?",
            "Solve {a}x = {b} modulo {m}, with x not negative and below {m}.",
        ),
        split=lambda givens: split_of("mathematics", "congruence", *givens.values()),
    ),
    Kind(
        name="prices",
        outcomes=("value", "none", "open"),
        draw=_draw_prices,
        decide=_decide_prices,
        prompts=_prices_prompts,
        split=lambda givens: split_of("mathematics", "prices", *sorted(givens.items())),
    ),
)
