"""Box things from the smallest amount to the largest, units included."""

from __future__ import annotations

import random
import re
from fractions import Fraction
from functools import partial

from components.tasks.extra.textworlds.family import TextWorldFamily
from components.tasks.extra.textworlds.sessions import ExpressSession
from components.tasks.extra.textworlds.turns import Stuck, act, refusal
from components.tasks.extra.textworlds.world import act_tool
from components.tasks.kit.oracle import Answer, Player
from components.tasks.kit.wording import listed, phrase

_AMOUNT = re.compile(r"\b((\d+)(mg|g|kg|ml|l|mm|cm|m)? (?:of )?[a-z]+)(?=,| and| on\b|\.)")
# In grams, litres, metres or pieces.
_UNITS = {"kg": Fraction(1000), "cm": Fraction(1, 100)} | dict.fromkeys(("g", "l", "m", ""), Fraction(1))
_UNITS |= dict.fromkeys(("mg", "ml", "mm"), Fraction(1, 1000))


def _solve(task: str, look: str, rng: random.Random) -> Player:
    say = partial(phrase, rng)
    things = {thing: int(number) * _UNITS[unit] for thing, number, unit in _AMOUNT.findall(look)}
    if len(things) < 3 or len(set(things.values())) < len(things):
        raise Stuck("two things of one amount")
    order = sorted(things, key=lambda thing: things[thing])
    text = say(
        "[Things of several amounts and a box.|The amounts decide the order.|From small to large, whatever the thing "
        "is.]"
    )
    plan = say("[The order: {o}.|In order: {o}.|Smallest first: {o}.]", o=listed(order, "then"))
    for thing, following in zip(order, [*order[1:], None], strict=True):
        name = thing.rpartition(" ")[2]
        yield act(
            text,
            f"{plan} Take the {thing}.".strip(),
            f"take {thing}",
            refusal(
                "puts what it does not hold",
                f"put {thing} in box",
                say("[Put the {t} in the box.|The {t} into the box.]", t=thing),
                say("[I don't hold the {t} yet; it must be taken first.|"
                    "One takes a thing before one puts it anywhere.]", t=thing),
            ),
            refusal(
                "names a thing without its amount",
                f"take {name}",
                say("[Take the {n}.|The {n} first.]", n=name),
                say("[A thing is taken with its amount: the {t}.|'{n}' alone is not understood.]", n=name, t=thing),
            ),
        )  # fmt: skip
        yield act(
            say("[I take the {t}.|I hold the {t}.|The {t} is mine.]", t=thing),
            say("[Put it in the box.|Into the box with it.]"),
            f"put {thing} in box",
        )
        text = say("[The {t} is in the box.|I put the {t} in the box.]", t=thing)
        plan = say("[Then the {t}.|Next is the {t}.|]", t=following) if following else ""
    summary = "[All are in the box, from the {a} to the {b}.|The order was {o}.]"
    return Answer(text=text, summary=say(summary, a=order[0], b=order[-1], o=listed(order)))


SORT = TextWorldFamily(
    name="express_sort",
    simulator=ExpressSession,
    game="sorting",
    tools=(act_tool("look around, take THING, read THING, put THING in CONTAINER"),),
    solve=_solve,
    sure_mistakes=3,
)
