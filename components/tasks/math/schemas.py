"""The kinds of problems that `schemas.yaml` describes, and how the numbers of each are drawn."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from string import Template
from typing import Any

from components.core.params import read_yaml
from components.tasks.math.derivation import Givens, Schema, Step, draw_nonzero
from components.tasks.math.rules import RULES, read_wrong_rules


def _draw_fractions(rng: random.Random) -> Givens:
    q, s = rng.sample(range(2, 16), 2)
    p, r = rng.randint(1, 2 * q), rng.randint(1, 2 * s)
    return {"p": p // math.gcd(p, q), "q": q // math.gcd(p, q), "r": r // math.gcd(r, s), "s": s // math.gcd(r, s)}


def _draw_linear(rng: random.Random) -> Givens:
    a, b = rng.randint(2, 12), draw_nonzero(rng, 20)
    x = draw_nonzero(rng, 15) * a if rng.random() < 0.75 else draw_nonzero(rng, 60)
    return {"a": a, "b": b, "c": x + b}


def _draw_two_sides(rng: random.Random) -> Givens:
    a, c = rng.sample(range(2, 13), 2)
    b, x = draw_nonzero(rng, 20), draw_nonzero(rng, 12)
    return {"a": a, "b": b, "c": c, "d": (a - c) * x + b}


def _draw_brackets(rng: random.Random) -> Givens:
    a, b, x = rng.randint(2, 12), draw_nonzero(rng, 15), draw_nonzero(rng, 15)
    return {"a": a, "b": b, "c": a * (x + b)}


def _draw_euclid(rng: random.Random, divisions: int, largest: int) -> Givens:
    """Two numbers up to `largest`; Euclid's algorithm finds so many remainders that are not zero."""
    while True:
        g = rng.randint(2, 12)
        a, b = sorted((g * rng.randint(2, largest // g), g * rng.randint(2, largest // g)), reverse=True)
        if a > b and _divisions(a, b) == divisions:
            return {"a": a, "b": b}


def _divisions(a: int, b: int) -> int:
    return 1 + _divisions(b, a % b) if a % b else 0


def _draw_power(rng: random.Random) -> Givens:
    return {"b": rng.randint(3, 40), "m": rng.randint(5, 50)}


def _draw_quadratic(rng: random.Random) -> Givens:
    x, y = rng.sample([*range(-30, 0), *range(1, 31)], 2)
    return {"b": -(x + y), "c": x * y}


def _draw_system(rng: random.Random) -> Givens:
    while True:
        a, b, d, e = (draw_nonzero(rng, 9) for _ in range(4))
        if a * e != b * d:
            x, y = draw_nonzero(rng, 12), draw_nonzero(rng, 12)
            return {"a": a, "b": b, "c": a * x + b * y, "d": d, "e": e, "f": d * x + e * y}


def _draw_two(rng: random.Random, names: str, least: int, most: int) -> Givens:
    """Two different numbers under the two letters of `names`."""
    return dict(zip(names, rng.sample(range(least, most + 1), 2), strict=True))


def _draw_meeting(rng: random.Random) -> Givens:
    speeds = _draw_two(rng, "uv", 20, 120)
    hours = rng.randint(2, 9)
    return {"d": hours * sum(speeds.values()) if rng.random() < 0.7 else rng.randint(100, 900), **speeds}


def _draw_chase(rng: random.Random) -> Givens:
    u, v = sorted(rng.sample(range(4, 61), 2))
    return {"u": u, "v": v, "h": rng.randint(1, 8)}


def _draw_percentages(rng: random.Random) -> Givens:
    r, s = (5 * rng.randint(1, 12) for _ in range(2))
    return {"p": 10 * rng.randint(2, 120), "r": r, "s": s}


def _draw_mixture(rng: random.Random) -> Givens:
    (a, b), (r, s) = rng.sample(range(1, 21), 2), rng.sample(range(5, 96), 2)
    return {"a": a, "r": r, "b": b, "s": s}


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


def _draw_team(rng: random.Random, size: int) -> Givens:
    w, m = rng.randint(2, 25), rng.randint(3, 25)
    return {"n": w + m, "w": w, "m": m, "k": size}


_DRAWS: dict[str, Callable[[random.Random], Givens]] = {
    "fractions_sum": _draw_fractions,
    "fractions_difference": _draw_fractions,
    "linear": _draw_linear,
    "linear_two_sides": _draw_two_sides,
    "linear_brackets": _draw_brackets,
    "gcd_2": partial(_draw_euclid, divisions=2, largest=240),
    "gcd_3": partial(_draw_euclid, divisions=3, largest=240),
    "gcd_4": partial(_draw_euclid, divisions=4, largest=240),
    "lcm": partial(_draw_euclid, divisions=2, largest=90),
    "power_mod_4": _draw_power,
    "power_mod_5": _draw_power,
    "power_mod_8": _draw_power,
    "power_mod_9": _draw_power,
    "quadratic": _draw_quadratic,
    "system": _draw_system,
    "together": partial(_draw_two, names="ab", least=2, most=30),
    "meeting": _draw_meeting,
    "chase": _draw_chase,
    "return_trip": partial(_draw_two, names="uv", least=10, most=120),
    "percentages": _draw_percentages,
    "mixture": _draw_mixture,
    "multiples": _draw_multiples,
    "two_groups": _draw_groups,
    "letters": _draw_letters,
    "at_least_one_of_2": partial(_draw_team, size=2),
    "at_least_one_of_3": partial(_draw_team, size=3),
}


def _read_schema(name: str, entry: Mapping[str, Any]) -> Schema:
    entry = _fill(entry, entry.get("constants", {}))
    return Schema(
        name=name,
        givens=entry["givens"],
        draw=_DRAWS[name],
        steps=tuple(
            Step(output=node, rule=RULES[step["rule"]], inputs=tuple(step["inputs"]), goal=step["goal"])
            for node, step in entry["steps"].items()
        ),
        asked=tuple(entry["asked"]),
        statement=entry["statement"],
        prompts=tuple(entry["prompts"]),
        analyses=tuple(entry["analyses"]),
        wrong_rules=read_wrong_rules(entry.get("wrong", {})),
        symmetries=tuple(tuple(map(tuple, group)) for group in entry.get("symmetries", ())),
        any_order=entry.get("any_order", False),
    )


def _fill(entry: Any, constants: Mapping[str, Any]) -> Any:
    """The entry with its constants in every text."""
    if isinstance(entry, str):
        return Template(entry).substitute(constants)
    if isinstance(entry, dict):
        return {key: _fill(value, constants) for key, value in entry.items()}
    return [_fill(value, constants) for value in entry] if isinstance(entry, list) else entry


FAMILY_SCHEMAS: dict[str, tuple[Schema, ...]] = {
    family: tuple(_read_schema(name, entry) for name, entry in entries.items())
    for family, entries in read_yaml(Path(__file__).with_name("schemas.yaml")).items()
}
SCHEMAS: dict[str, Schema] = {schema.name: schema for schemas in FAMILY_SCHEMAS.values() for schema in schemas}
