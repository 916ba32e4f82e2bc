"""Schemas of the complex level: word problems about rates, meetings, percentages and mixtures."""

from __future__ import annotations

import random

from components.tasks.math.derivation import Givens, Schema, Step
from components.tasks.math.rules import (
    ADD,
    DIVIDE_OUT,
    LOWER,
    MULTIPLY,
    RAISE,
    RECIPROCAL,
    SUBTRACT,
    TWICE_RECIPROCAL,
    Misconception,
)

_EXACT = " Give the exact number."


def _two(rng: random.Random, least: int, most: int) -> tuple[int, int]:
    first, second = rng.sample(range(least, most + 1), 2)
    return first, second


def _draw_together(rng: random.Random) -> Givens:
    a, b = _two(rng, 2, 30)
    return {"a": a, "b": b}


def _draw_meeting(rng: random.Random) -> Givens:
    u, v = _two(rng, 20, 120)
    hours = rng.randint(2, 9)
    return {"d": hours * (u + v) if rng.random() < 0.7 else rng.randint(100, 900), "u": u, "v": v}


def _draw_chase(rng: random.Random) -> Givens:
    u, v = sorted(_two(rng, 4, 60))
    return {"u": u, "v": v, "h": rng.randint(1, 8)}


def _draw_return(rng: random.Random) -> Givens:
    u, v = _two(rng, 10, 120)
    return {"u": u, "v": v}


def _draw_percentages(rng: random.Random) -> Givens:
    r, s = (5 * rng.randint(1, 12) for _ in range(2))
    return {"p": 10 * rng.randint(2, 120), "r": r, "s": s}


def _draw_mixture(rng: random.Random) -> Givens:
    (a, b), (r, s) = _two(rng, 1, 20), _two(rng, 5, 95)
    return {"a": a, "r": r, "b": b, "s": s}


RATES = (
    Schema(
        name="together",
        givens=dict.fromkeys("ab", "natural"),
        draw=_draw_together,
        steps=(
            Step(output="u", rule=RECIPROCAL, inputs=("a",), goal="the first rate"),
            Step(output="v", rule=RECIPROCAL, inputs=("b",), goal="the second rate"),
            Step(output="s", rule=ADD, inputs=("u", "v"), goal="the joint rate"),
            Step(output="x", rule=RECIPROCAL, inputs=("s",), goal="the time"),
        ),
        asked=("x",),
        statement="x/a+x/b=1",
        prompts=(
            "One pipe fills a tank in {a} hours, another in {b} hours. How many hours do both need together?" + _EXACT,
            "Ana paints a fence in {a} hours, Ben in {b} hours. How long do they take together?" + _EXACT,
        ),
        analyses=("Rates add up, times do not.", "Two workers, one job.", "Share of the job done in an hour."),
        misconceptions=(
            Misconception(name="mean of the times", compute="(a+b)/2", lesson="Times are not averaged, rates add up"),
            Misconception(name="times added", compute="a+b", lesson="Together they are faster than either alone"),
        ),
        symmetries=((("a",), ("b",)),),
    ),
    Schema(
        name="meeting",
        givens=dict.fromkeys("duv", "natural"),
        draw=_draw_meeting,
        steps=(
            Step(output="w", rule=ADD, inputs=("u", "v"), goal="the joint speed"),
            Step(output="x", rule=DIVIDE_OUT, inputs=("d", "w"), goal="the time"),
        ),
        asked=("x",),
        statement="u*x+v*x=d",
        prompts=(
            "Two trains, {d} km apart, drive towards each other at {u} and {v} km/h. After how many hours do they meet?"
            + _EXACT,
            "Two ships {d} miles apart sail towards each other at {u} and {v} miles an hour. After how many hours do"
            " they meet?" + _EXACT,
        ),
        analyses=("They close the gap together.", "Towards each other, so speeds add up.", "A meeting."),
        misconceptions=(
            Misconception(name="speeds averaged", compute="2*d/(u+v)", lesson="Both move, so their whole speeds count"),
        ),
        symmetries=((("u",), ("v",)),),
    ),
    Schema(
        name="chase",
        givens=dict.fromkeys("uvh", "natural"),
        draw=_draw_chase,
        steps=(
            Step(output="g", rule=MULTIPLY, inputs=("u", "h"), goal="the lead"),
            Step(output="w", rule=SUBTRACT, inputs=("v", "u"), goal="the gain per hour"),
            Step(output="x", rule=DIVIDE_OUT, inputs=("g", "w"), goal="the time"),
        ),
        asked=("x",),
        statement="v*x=u*(x+h)",
        prompts=(
            "A walks {u} km an hour. {h} hours later B follows at {v} km an hour. How many hours does B need to reach"
            " A?" + _EXACT,
            "A boat leaves at {u} knots, {h} hours later another follows at {v} knots. After how many hours of its own"
            " does it catch up?" + _EXACT,
        ),
        analyses=("A chase.", "The lead shrinks by the difference of the speeds.", "One follows the other."),
        misconceptions=(
            Misconception(name="speeds added", compute="u*h/(u+v)", lesson="They go the same way, so speeds subtract"),
        ),
    ),
    Schema(
        name="return_trip",
        givens=dict.fromkeys("uv", "natural"),
        draw=_draw_return,
        steps=(
            Step(output="i", rule=RECIPROCAL, inputs=("u",), goal="the time per km out"),
            Step(output="j", rule=RECIPROCAL, inputs=("v",), goal="the time per km back"),
            Step(output="s", rule=ADD, inputs=("i", "j"), goal="the time for both"),
            Step(output="x", rule=TWICE_RECIPROCAL, inputs=("s",), goal="the average speed"),
        ),
        asked=("x",),
        statement="x/u+x/v=2",
        prompts=(
            "A car goes out at {u} km/h and back the same way at {v} km/h. What is its average speed in km/h?" + _EXACT,
            "Uphill at {u} km/h, down the same road at {v} km/h: what is the average speed?" + _EXACT,
        ),
        analyses=("An average over a way, not over time.", "The slow part takes longer.", "Way by time."),
        misconceptions=(
            Misconception(
                name="mean of the speeds", compute="(u+v)/2", lesson="The slow part lasts longer and weighs more"
            ),
        ),
        symmetries=((("u",), ("v",)),),
    ),
    Schema(
        name="percentages",
        givens=dict.fromkeys("prs", "natural"),
        draw=_draw_percentages,
        steps=(
            Step(output="u", rule=RAISE, inputs=("p", "r"), goal="the raised price"),
            Step(output="x", rule=LOWER, inputs=("u", "s"), goal="the final price"),
        ),
        asked=("x",),
        statement="x*10000=p*(100+r)*(100-s)",
        prompts=(
            "A price of {p} rises by {r}% and then falls by {s}%. What is it in the end?" + _EXACT,
            "A coat for {p} is marked up by {r}%, then reduced by {s}%. What does it cost now?" + _EXACT,
        ),
        analyses=("Two percentages, one after the other.", "The second one is of the new price.", "Shares of a price."),
        misconceptions=(
            Misconception(
                name="percentages netted",
                compute="p*(100+r-s)/100",
                lesson="The second percentage is of the new price, so they do not cancel",
            ),
        ),
    ),
    Schema(
        name="mixture",
        givens=dict.fromkeys("arbs", "natural"),
        draw=_draw_mixture,
        steps=(
            Step(output="u", rule=MULTIPLY, inputs=("a", "r"), goal="the first part"),
            Step(output="v", rule=MULTIPLY, inputs=("b", "s"), goal="the second part"),
            Step(output="n", rule=ADD, inputs=("u", "v"), goal="both parts"),
            Step(output="t", rule=ADD, inputs=("a", "b"), goal="all of it"),
            Step(output="x", rule=DIVIDE_OUT, inputs=("n", "t"), goal="the percentage"),
        ),
        asked=("x",),
        statement="x*(a+b)=a*r+b*s",
        prompts=(
            "{a} litres of {r}% juice are mixed with {b} litres of {s}% juice. What percentage is the mixture?"
            + _EXACT,
            "{a} kg of an alloy with {r}% tin and {b} kg with {s}% tin are melted together. What percentage is tin?"
            + _EXACT,
        ),
        analyses=("A weighted mean.", "The larger part weighs more.", "A mixture."),
        misconceptions=(
            Misconception(
                name="plain mean", compute="(r+s)/2", lesson="The parts differ in size, so a plain mean is off"
            ),
        ),
        symmetries=((("a", "r"), ("b", "s")),),
    ),
)
