"""Schemas of the basic level: fractions, linear equations, divisors and remainders."""

from __future__ import annotations

import math
import random

from components.tasks.math.derivation import Givens, Schema, Step, draw_nonzero
from components.tasks.math.rules import (
    ADD,
    COMMON_DENOMINATOR,
    DIVIDE_OUT,
    EXPAND,
    LCM_FROM_GCD,
    MOVE_TERM,
    MULTIPLY_MOD,
    REMAINDER,
    SQUARE_MOD,
    SUBTRACT,
    Misconception,
    Rule,
)


def _draw_fractions(rng: random.Random) -> Givens:
    q, s = rng.sample(range(2, 16), 2)
    p, r = rng.randint(1, 2 * q), rng.randint(1, 2 * s)
    return {"p": p // math.gcd(p, q), "q": q // math.gcd(p, q), "r": r // math.gcd(r, s), "s": s // math.gcd(r, s)}


def _fractions(name: str, join: Rule, statement: str, sign: str, words: str) -> Schema:
    symmetries = ((("p", "q"), ("r", "s")),)
    return Schema(
        name=f"fractions_{name}",
        givens=dict.fromkeys("pqrs", "natural"),
        draw=_draw_fractions,
        steps=(
            Step(output="d", rule=COMMON_DENOMINATOR, inputs=("q", "s"), goal="the common denominator"),
            Step(output="u", rule=EXPAND, inputs=("p", "q", "d"), goal="the first numerator"),
            Step(output="v", rule=EXPAND, inputs=("r", "s", "d"), goal="the second numerator"),
            Step(output="n", rule=join, inputs=("u", "v"), goal="the new numerator"),
            Step(output="x", rule=DIVIDE_OUT, inputs=("n", "d"), goal="the fraction"),
        ),
        asked=("x",),
        statement=statement,
        prompts=(
            f"What is {{p}}/{{q}} {sign} {{r}}/{{s}}?",
            f"Compute {{p}}/{{q}} {sign} {{r}}/{{s}} as a fraction.",
            words,
        ),
        analyses=("Two fractions.", "The denominators differ.", "Fractions need a common denominator."),
        misconceptions=(
            Misconception(
                name="tops and bottoms apart",
                compute=f"(p{sign}r)/(q{sign}s)",
                lesson="Tops and bottoms cannot be joined apart; the parts must be of one size first",
            ),
        ),
        symmetries=symmetries if sign == "+" else (),
    )


FRACTIONS = (
    _fractions("sum", ADD, "x-r/s=p/q", "+", "Add {p}/{q} and {r}/{s}."),
    _fractions("difference", SUBTRACT, "x+r/s=p/q", "-", "Take {r}/{s} away from {p}/{q}."),
)


def _draw_one_sided(rng: random.Random) -> Givens:
    a, b = rng.randint(2, 12), draw_nonzero(rng, 20)
    x = draw_nonzero(rng, 15) * a if rng.random() < 0.75 else draw_nonzero(rng, 60)
    return {"a": a, "b": b, "c": x + b}


def _draw_two_sided(rng: random.Random) -> Givens:
    a, c = rng.sample(range(2, 13), 2)
    b, x = draw_nonzero(rng, 20), draw_nonzero(rng, 12)
    return {"a": a, "b": b, "c": c, "d": (a - c) * x + b}


def _draw_brackets(rng: random.Random) -> Givens:
    a, b, x = rng.randint(2, 12), draw_nonzero(rng, 15), draw_nonzero(rng, 15)
    return {"a": a, "b": b, "c": a * (x + b)}


_LINEAR_ANALYSES = ("A linear equation.", "One unknown, to be set free.", "An equation in x.")
LINEAR = (
    Schema(
        name="linear",
        givens=dict.fromkeys("abc", "integer"),
        draw=_draw_one_sided,
        steps=(
            Step(output="t", rule=MOVE_TERM, inputs=("c", "b"), goal="the x term"),
            Step(output="x", rule=DIVIDE_OUT, inputs=("t", "a"), goal="x"),
        ),
        asked=("x",),
        statement="a*x+b=c",
        prompts=("Solve {a}x + {b} = {c}.", "For which x is {a}x + {b} = {c}?", "Find x with {a}x + {b} = {c}."),
        analyses=_LINEAR_ANALYSES,
    ),
    Schema(
        name="linear_two_sides",
        givens=dict.fromkeys("abcd", "integer"),
        draw=_draw_two_sided,
        steps=(
            Step(output="k", rule=SUBTRACT, inputs=("a", "c"), goal="the factor of x"),
            Step(output="t", rule=MOVE_TERM, inputs=("d", "b"), goal="the other side"),
            Step(output="x", rule=DIVIDE_OUT, inputs=("t", "k"), goal="x"),
        ),
        asked=("x",),
        statement="a*x+b=c*x+d",
        prompts=("Solve {a}x + {b} = {c}x + {d}.", "For which x is {a}x + {b} = {c}x + {d}?"),
        analyses=_LINEAR_ANALYSES,
        symmetries=((("a", "b"), ("c", "d")),),
    ),
    Schema(
        name="linear_brackets",
        givens=dict.fromkeys("abc", "integer"),
        draw=_draw_brackets,
        steps=(
            Step(output="t", rule=DIVIDE_OUT, inputs=("c", "a"), goal="the bracket"),
            Step(output="x", rule=MOVE_TERM, inputs=("t", "b"), goal="x"),
        ),
        asked=("x",),
        statement="a*(x+b)=c",
        prompts=("Solve {a}(x + {b}) = {c}.", "Find x with {a}(x + {b}) = {c}."),
        analyses=_LINEAR_ANALYSES,
        misconceptions=(
            Misconception(name="bracket ignored", compute="(c-b)/a", lesson="The factor belongs to all of the bracket"),
        ),
    ),
)


def _divisions(a: int, b: int) -> int:
    """How many remainders of Euclid's algorithm are not zero."""
    steps = 0
    while a % b:
        a, b, steps = b, a % b, steps + 1
    return steps


def _euclid_steps(count: int) -> tuple[Step, ...]:
    nodes = ("a", "b", "r", "s", "t", "u")
    names = ("the remainder", "the next remainder", "the remainder after that", "the last remainder")
    return tuple(
        Step(output=nodes[i + 2], rule=REMAINDER, inputs=(nodes[i], nodes[i + 1]), goal=names[i]) for i in range(count)
    )


def _draw_euclid(rng: random.Random, count: int, largest: int) -> Givens:
    while True:
        g = rng.randint(2, 12)
        a, b = sorted((g * rng.randint(2, largest // g), g * rng.randint(2, largest // g)), reverse=True)
        if a > b and _divisions(a, b) == count:
            return {"a": a, "b": b}


def _gcd(count: int) -> Schema:
    steps = _euclid_steps(count)
    asked, before = steps[-1].output, steps[-1].inputs[1]
    return Schema(
        name=f"gcd_{count}",
        givens=dict.fromkeys("ab", "natural"),
        draw=lambda rng: _draw_euclid(rng, count, 240),
        steps=steps,
        asked=(asked,),
        statement=f"a % {asked} = 0; b % {asked} = 0; gcd(a/{asked},b/{asked}) = 1",
        prompts=(
            "What is the greatest common divisor of {a} and {b}?",
            "Find the greatest common divisor of {b} and {a}.",
            "What is the largest number that divides both {a} and {b}?",
        ),
        analyses=("A common divisor, the greatest.", "Divide and keep what is left.", "Euclid's algorithm fits."),
        misconceptions=(
            Misconception(name="stopped early", compute=before, lesson="One goes on until nothing is left"),
            Misconception(name="difference taken", compute="a-b", lesson="A difference need not divide the two"),
        ),
    )


GCD = (
    *(_gcd(count) for count in (2, 3, 4)),
    Schema(
        name="lcm",
        givens=dict.fromkeys("ab", "natural"),
        draw=lambda rng: _draw_euclid(rng, 2, 90),
        steps=(
            *_euclid_steps(2),
            Step(output="x", rule=LCM_FROM_GCD, inputs=("a", "b", "s"), goal="the least common multiple"),
        ),
        asked=("x",),
        statement="x % a = 0; x % b = 0; gcd(x/a,x/b) = 1",
        prompts=(
            "What is the least common multiple of {a} and {b}?",
            "What is the smallest number that both {a} and {b} divide?",
            "Two lamps blink every {a} and every {b} seconds, now together. After how many seconds again together?",
        ),
        analyses=("A common multiple, the least.", "First the common divisor, by division."),
    ),
)


def _power(exponent: int, squares: int) -> Schema:
    """b to a power of two, or one more, by squaring."""
    nodes = ("b", "s", "t", "u")
    names = ("the square", "the fourth power", "the eighth power")
    steps = [Step(output=nodes[i + 1], rule=SQUARE_MOD, inputs=(nodes[i], "m"), goal=names[i]) for i in range(squares)]
    if exponent > 2**squares:
        steps.append(Step(output="x", rule=MULTIPLY_MOD, inputs=(nodes[squares], "b", "m"), goal="the last factor"))
    asked = steps[-1].output
    return Schema(
        name=f"power_mod_{exponent}",
        givens=dict.fromkeys("bm", "natural"),
        draw=lambda rng: {"b": rng.randint(3, 40), "m": rng.randint(5, 50)},
        steps=tuple(steps),
        asked=(asked,),
        statement=f"b**{exponent} % m = {asked}",
        prompts=(
            f"What is the remainder of {{b}}^{exponent} divided by {{m}}?",
            f"Find {{b}}^{exponent} modulo {{m}}.",
            f"What is left when {{b}} to the power {exponent} is divided by {{m}}?",
        ),
        analyses=("A power modulo a number.", "Square and reduce.", "Repeated squaring keeps the numbers small."),
        misconceptions=(
            Misconception(name="exponent as factor", compute=f"b*{exponent} % m", lesson="An exponent counts factors"),
            Misconception(name="one factor too few", compute=f"b**({exponent}-1) % m", lesson="Every factor counts"),
        ),
    )


POWERS = (_power(4, 2), _power(5, 2), _power(8, 3), _power(9, 3))
