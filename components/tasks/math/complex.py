"""Schemas of the complex level: quadratics, systems of two equations, counting."""

from __future__ import annotations

import random

from components.tasks.math.derivation import Givens, Schema, Step, draw_nonzero
from components.tasks.math.rules import (
    ARRANGE,
    BACK_SUBSTITUTE,
    CHOOSE,
    COUNT_BELOW,
    COUNT_UP_TO,
    DETERMINANT,
    DISCRIMINANT,
    DIVIDE_OUT,
    LARGER_ROOT,
    MULTIPLY,
    OTHER_ROOT,
    ROOT,
    SUBTRACT,
    Misconception,
)


def _draw_quadratic(rng: random.Random) -> Givens:
    x, y = rng.sample([*range(-30, 0), *range(1, 31)], 2)
    return {"b": -(x + y), "c": x * y}


QUADRATIC = (
    Schema(
        name="quadratic",
        givens=dict.fromkeys("bc", "integer"),
        draw=_draw_quadratic,
        steps=(
            Step(output="d", rule=DISCRIMINANT, inputs=("b", "c"), goal="the discriminant"),
            Step(output="r", rule=ROOT, inputs=("d",), goal="its root"),
            Step(output="x", rule=LARGER_ROOT, inputs=("b", "r"), goal="the larger solution"),
            Step(output="y", rule=OTHER_ROOT, inputs=("b", "x"), goal="the other solution"),
        ),
        asked=("x", "y"),
        statement="x*x+b*x+c=0; y*y+b*y+c=0; x!=y",
        prompts=(
            "Solve x^2 + {b}x + {c} = 0.",
            "For which x is x^2 + {b}x + {c} = 0?",
            "Find both solutions of x^2 + {b}x + {c} = 0.",
        ),
        analyses=("A quadratic equation.", "Two solutions are asked.", "A square, so the discriminant decides."),
        any_order=True,
    ),
)


def _draw_system(rng: random.Random) -> Givens:
    while True:
        a, b, d, e = (draw_nonzero(rng, 9) for _ in range(4))
        if a * e != b * d:
            x, y = draw_nonzero(rng, 12), draw_nonzero(rng, 12)
            return {"a": a, "b": b, "c": a * x + b * y, "d": d, "e": e, "f": d * x + e * y}


SYSTEM = (
    Schema(
        name="system",
        givens=dict.fromkeys("abcdef", "integer"),
        draw=_draw_system,
        steps=(
            Step(output="m", rule=DETERMINANT, inputs=("a", "b", "d", "e"), goal="the determinant"),
            Step(output="n", rule=DETERMINANT, inputs=("c", "b", "f", "e"), goal="the determinant for x"),
            Step(output="x", rule=DIVIDE_OUT, inputs=("n", "m"), goal="x"),
            Step(output="y", rule=BACK_SUBSTITUTE, inputs=("c", "a", "x", "b"), goal="y"),
        ),
        asked=("x", "y"),
        statement="a*x+b*y=c; d*x+e*y=f",
        prompts=(
            "Solve {a}x + {b}y = {c} and {d}x + {e}y = {f}.",
            "Find x and y with {a}x + {b}y = {c} and {d}x + {e}y = {f}.",
        ),
        analyses=("Two equations, two unknowns.", "A linear system.", "Both equations must hold at once."),
        symmetries=((("a", "b", "c"), ("d", "e", "f")),),
    ),
)


def _draw_multiples(rng: random.Random) -> Givens:
    k, start = rng.randint(3, 15), rng.randint(5, 120)
    start = start * k if rng.random() < 0.5 else start  # where the start counts, the boundary matters
    return {"k": k, "a": start, "b": start + rng.randint(3 * k, 20 * k)}


def _draw_groups(rng: random.Random) -> Givens:
    w, m = rng.randint(3, 20), rng.randint(3, 20)
    return {"w": w, "m": m, "k": rng.randint(1, min(4, w - 1)), "j": rng.randint(2, min(4, m - 1))}


def _draw_letters(rng: random.Random) -> Givens:
    n = rng.randint(4, 14)
    r = rng.randint(2, n - 2)
    return {"n": n, "r": r, "s": rng.randint(1, n - r - 1)}


def _at_least_one(size: int) -> Schema:
    """Teams of `size` with at least one of w; the statement adds up the cases instead of taking the complement."""
    cases = "+".join(f"comb(w,{i})*comb(m,{size - i})" for i in range(1, size + 1))
    return Schema(
        name=f"at_least_one_of_{size}",
        givens=dict.fromkeys("nwmk", "natural"),
        draw=lambda rng: (lambda w, m: {"n": w + m, "w": w, "m": m, "k": size})(rng.randint(2, 25), rng.randint(3, 25)),
        steps=(
            Step(output="u", rule=CHOOSE, inputs=("n", "k"), goal="the number of all teams"),
            Step(output="v", rule=CHOOSE, inputs=("m", "k"), goal="the number of teams without"),
            Step(output="x", rule=SUBTRACT, inputs=("u", "v"), goal="the number of teams with at least one"),
        ),
        asked=("x",),
        statement=f"x = {cases}",
        prompts=(
            "Of {n} people {w} are doctors and {m} are not. How many teams of {k} have at least one doctor?",
            "{n} balls: {w} red, {m} blue. In how many ways can {k} be drawn with at least one red?",
        ),
        analyses=("At least one is all but none.", "A count of choices.", "Count the complement."),
        misconceptions=(
            Misconception(
                name="one fixed first",
                compute="w*comb(n-1,k-1)",
                lesson="Fixing one first counts a team again for each of them",
            ),
            Misconception(name="exactly one", compute="w*comb(m,k-1)", lesson="At least one is more than exactly one"),
        ),
    )


COUNTING = (
    Schema(
        name="multiples",
        givens=dict.fromkeys("kab", "natural"),
        draw=_draw_multiples,
        steps=(
            Step(output="u", rule=COUNT_UP_TO, inputs=("b", "k"), goal="the number of multiples up to the end"),
            Step(output="v", rule=COUNT_BELOW, inputs=("a", "k"), goal="the number of multiples below the start"),
            Step(output="x", rule=SUBTRACT, inputs=("u", "v"), goal="the number between"),
        ),
        asked=("x",),
        statement="x*k = (b - b % k) - ((a-1) - (a-1) % k)",
        prompts=(
            "How many integers from {a} to {b}, both included, are divisible by {k}?",
            "How many multiples of {k} are there from {a} to {b}, ends included?",
        ),
        analyses=("A count of multiples.", "Count up to the end, take away those before.", "The ends matter."),
        misconceptions=(
            Misconception(
                name="boundary miscount", compute="floor((b-a)/k)", lesson="The length of a range is not its count"
            ),
        ),
    ),
    Schema(
        name="two_groups",
        givens=dict.fromkeys("wmkj", "natural"),
        draw=_draw_groups,
        steps=(
            Step(output="u", rule=CHOOSE, inputs=("w", "k"), goal="the choices from the first group"),
            Step(output="v", rule=CHOOSE, inputs=("m", "j"), goal="the choices from the second group"),
            Step(output="x", rule=MULTIPLY, inputs=("u", "v"), goal="the number of choices"),
        ),
        asked=("x",),
        statement="x*fact(k)*fact(w-k)*fact(j)*fact(m-j) = fact(w)*fact(m)",
        prompts=(
            "In how many ways can {k} of {w} women and {j} of {m} men be chosen?",
            "A menu lets you pick {k} of {w} starters and {j} of {m} sweets. How many menus are there?",
        ),
        analyses=("Two choices, one after the other.", "Order does not matter.", "A count of choices."),
        misconceptions=(
            Misconception(
                name="one pot", compute="comb(w+m,k+j)", lesson="The two are chosen apart, not out of one pot"
            ),
        ),
        symmetries=((("w", "k"), ("m", "j")),),
    ),
    Schema(
        name="letters",
        givens=dict.fromkeys("nrs", "natural"),
        draw=_draw_letters,
        steps=(
            Step(output="t", rule=ARRANGE, inputs=("n",), goal="the orders of all letters"),
            Step(output="u", rule=ARRANGE, inputs=("r",), goal="the orders of the first equal ones"),
            Step(output="v", rule=ARRANGE, inputs=("s",), goal="the orders of the second equal ones"),
            Step(output="w", rule=MULTIPLY, inputs=("u", "v"), goal="how often each word is counted"),
            Step(output="x", rule=DIVIDE_OUT, inputs=("t", "w"), goal="the number of words"),
        ),
        asked=("x",),
        statement="x = comb(n,r)*comb(n-r,s)*fact(n-r-s)",
        prompts=(
            "{n} letters: {r} are A, {s} are B, the rest all differ. How many different words use them all?",
            "In how many orders can {n} flags hang, {r} red ones alike, {s} blue ones alike, the rest all different?",
        ),
        analyses=("Orders with equal things.", "Equal letters cannot be told apart.", "A count of orders."),
        misconceptions=(
            Misconception(name="repeats ignored", compute="fact(n)", lesson="Swapping equal ones gives nothing new"),
        ),
        symmetries=((("r",), ("s",)),),
    ),
    _at_least_one(2),
    _at_least_one(3),
)
