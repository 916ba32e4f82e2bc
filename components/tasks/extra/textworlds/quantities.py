"""Two games of numbers: the item that has the quantity of a sum, and items from the smallest amount to the largest."""

from __future__ import annotations

import random
import re
from fractions import Fraction

from components.agent.calculator import CALCULATOR, calculate
from components.agent.messages import ToolCall, ToolSpec
from components.tasks.extra.textworlds.thoughts import Done, Mind, Slip, Stuck, Thought
from components.tasks.extra.textworlds.world import act_call, act_tool
from components.tasks.kit.wording import listed, phrase

_ITEM = re.compile(r"\b(\d+) ([a-z]+)(?=,| and| on\b|\.)")
_PROBLEM = re.compile(r"math problem: (add|subtract|multiply|divide) (\d+) (?:and|from|by) (\d+)")
_AMOUNT = re.compile(r"\b((\d+)(mg|g|kg|ml|l|mm|cm|m)? (?:of )?[a-z]+)(?=,| and| on\b|\.)")
_UNITS = {
    "mg": Fraction(1, 1000),
    "g": Fraction(1),
    "kg": Fraction(1000),
    "ml": Fraction(1, 1000),
    "l": Fraction(1),
    "mm": Fraction(1, 1000),
    "cm": Fraction(1, 100),
    "m": Fraction(1),
    "": Fraction(1),
}
_COMMANDS = "look around, take THING, read THING, put THING in CONTAINER"


class SumPlayer:
    """Reads the problem, works it out with the calculator and puts the item of that quantity in the box."""

    game = "arithmetic"
    settings = ("",)
    tools: tuple[ToolSpec, ...] = (act_tool(_COMMANDS), CALCULATOR)
    sure_slips = 3

    def think(self, task: str, look: str, rng: random.Random) -> Mind:
        items = {int(number): name for number, name in _ITEM.findall(look)}
        yield Thought(
            said=phrase(
                rng,
                "[A math problem, a box and things in several quantities.|First the problem, then the thing "
                "that fits it.|The problem says which quantity the box shall have.]",
            ),
            plan=phrase(rng, "[Take the math problem.|Take the problem to read it.]"),
            call=act_call("take math problem"),
            slips=(
                Slip(
                    name="reads what it does not hold",
                    call=act_call("read math problem"),
                    plan=phrase(rng, "[Read the math problem.|Read it.]"),
                    lesson=phrase(
                        rng,
                        "[Reading is not understood yet: one must take the problem first.|I don't hold the "
                        "problem; it must be taken first.]",
                    ),
                ),
            ),
        )
        text = yield Thought(
            said=phrase(rng, "[I take the problem.|The problem is taken.|I hold the problem.]"),
            plan=phrase(rng, "[Read the math problem.|Now read it.]"),
            call=act_call("read math problem"),
        )
        asked = _PROBLEM.search(text)
        if asked is None:
            raise Stuck(text)
        kind, a, b = asked[1], int(asked[2]), int(asked[3])
        if kind == "divide" and a % b:
            raise Stuck("a division with a rest")
        value = {"add": a + b, "subtract": b - a, "multiply": a * b, "divide": a // b if b else 0}[kind]
        if value not in items:
            raise Stuck(text)
        said = phrase(
            rng,
            "[The problem: {k} {a} {j} {b}.|It asks to {k} {a} {j} {b}.]",
            k=kind,
            a=a,
            b=b,
            j={"subtract": "from", "divide": "by"}.get(kind, "and"),
        )
        tried = {"add": f"{a}+{b}", "subtract": f"{b}-{a}", "multiply": f"{a}*{b}", "divide": f"{value}*{b}"}[kind]
        if kind == "divide":
            plan = phrase(
                rng,
                "[{v} should be {a} over {b}; check {t}.|{a} over {b} is {v} if {t} is {a}.]",
                v=value,
                a=a,
                b=b,
                t=tried,
            )
        else:
            plan = phrase(rng, "[Compute {t}.|Work out {t}.|That is {t}.]", t=tried)
        found = yield Thought(said=said, plan=plan, call=_calculator(tried), slips=(_misread(rng, kind, a, b, value),))
        thing = f"{value} {items[value]}"
        if kind == "divide":
            said = phrase(
                rng, "[{t} is {f}, so the answer is {v}.|It gives {f}: {v} is right.]", t=tried, f=found, v=value
            )
        else:
            said = phrase(rng, "[{t} is {f}.|It gives {f}.|The answer is {f}.]", t=tried, f=found)
        yield Thought(
            said=said,
            plan=phrase(rng, "[Take the {t}.|The {t} have that quantity: take them.]", t=thing),
            call=act_call(f"take {thing}"),
            slips=(
                Slip(
                    name="names a thing without its quantity",
                    call=act_call(f"take {items[value]}"),
                    plan=phrase(rng, "[Take the {n}.|{n} it is.]", n=items[value]),
                    lesson=phrase(
                        rng,
                        "[A thing is taken with its quantity.|'{n}' alone is not understood: the quantity "
                        "belongs to the name.]",
                        n=items[value],
                    ),
                ),
            ),
        )
        yield Thought(
            said=phrase(rng, "[I take the {t}.|I hold the {t}.]", t=thing),
            plan=phrase(rng, "[Put them in the box.|Into the box.]"),
            call=act_call(f"put {thing} in box"),
        )
        return Done(
            said=phrase(rng, "[The {t} are in the box.|I put the {t} in the box.]", t=thing),
            summary=phrase(
                rng, "[{v}|The answer is {v}, and the {t} are in the box.|The answer is {v}.]", v=value, t=thing
            ),
        )


def _misread(rng: random.Random, kind: str, a: int, b: int, value: int) -> Slip:
    """Another operation than the one asked for; the calculator's value then says what it is of."""
    if kind == "divide":
        wrong = rng.choice((value + 1, value + 2, a - b))
        tried = f"{wrong}*{b}" if wrong * b != a else f"{value + 3}*{b}"
        plan = f"Check {tried}."
        lesson = f"{tried} is {calculate(tried).content} and not {a}, so that is not what {a} over {b} is."
    else:
        others = {"add": f"{a}*{b}", "subtract": f"{b}+{a}", "multiply": f"{a}+{b}"}
        tried = others[kind]
        plan = phrase(rng, "[Compute {t}.|Work out {t}.]", t=tried)
        lesson = f"{tried} is {calculate(tried).content}, but the problem says {kind}."
    return Slip(
        name="another operation",
        call=_calculator(tried),
        plan=plan,
        shows=(calculate(tried).content,),
        lesson=lesson,
    )


def _calculator(expression: str) -> ToolCall:
    return ToolCall(name=CALCULATOR.name, arguments={"expression": expression})


class SortPlayer:
    """Puts things into the box from the smallest amount to the largest, units included."""

    game = "sorting"
    settings = ("",)
    tools: tuple[ToolSpec, ...] = (act_tool(_COMMANDS),)
    sure_slips = 3

    def think(self, task: str, look: str, rng: random.Random) -> Mind:
        things = {thing: int(number) * _UNITS[unit] for thing, number, unit in _AMOUNT.findall(look)}
        if len(things) < 3 or len(set(things.values())) < len(things):
            raise Stuck("two things of one amount")
        order = sorted(things, key=lambda thing: things[thing])
        said = phrase(
            rng,
            "[Things of several amounts and a box.|The amounts decide the order.|From small to large, "
            "whatever the thing is.]",
        )
        plan = phrase(rng, "[The order: {o}.|In order: {o}.|Smallest first: {o}.]", o=listed(order, "then"))
        for number, thing in enumerate(order):
            yield Thought(
                said=said,
                plan=f"{plan} Take the {thing}.".strip(),
                call=act_call(f"take {thing}"),
                slips=_unnamed(rng, thing),
            )
            yield Thought(
                said=phrase(rng, "[I take the {t}.|I hold the {t}.|The {t} is mine.]", t=thing),
                plan=phrase(rng, "[Put it in the box.|Into the box with it.]"),
                call=act_call(f"put {thing} in box"),
            )
            said = phrase(rng, "[The {t} is in the box.|I put the {t} in the box.]", t=thing)
            plan = (
                phrase(rng, "[Then the {t}.|Next is the {t}.|]", t=order[number + 1]) if number + 1 < len(order) else ""
            )
        return Done(
            said=said,
            summary=phrase(
                rng,
                "[All are in the box, from the {a} to the {b}.|The order was {o}.]",
                a=order[0],
                b=order[-1],
                o=listed(order),
            ),
        )


def _unnamed(rng: random.Random, thing: str) -> tuple[Slip, ...]:
    name = thing.rpartition(" ")[2]
    early = Slip(
        name="puts what it does not hold",
        call=act_call(f"put {thing} in box"),
        plan=phrase(rng, "[Put the {t} in the box.|The {t} into the box.]", t=thing),
        lesson=phrase(
            rng,
            "[I don't hold the {t} yet; it must be taken first.|One takes a thing before one puts it anywhere.]",
            t=thing,
        ),
    )
    short = Slip(
        name="names a thing without its amount",
        call=act_call(f"take {name}"),
        plan=phrase(rng, "[Take the {n}.|The {n} first.]", n=name),
        lesson=phrase(
            rng, "[A thing is taken with its amount: the {t}.|'{n}' alone is not understood.]", n=name, t=thing
        ),
    )
    return (early, short)
