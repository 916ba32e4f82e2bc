"""Work out a math problem, then box the things that come in the quantity of its answer."""

from __future__ import annotations

import random
import re
from functools import partial

from components.agent.calculator import CALCULATOR, calculate
from components.agent.messages import ToolCall
from components.tasks.extra.textworlds.family import TextWorldFamily
from components.tasks.extra.textworlds.sessions import ExpressSession
from components.tasks.extra.textworlds.turns import Stuck, act, holds, refusal
from components.tasks.extra.textworlds.world import act_tool
from components.tasks.kit.oracle import Answer, Mistake, Player, Turn
from components.tasks.kit.wording import phrase

_ITEM = re.compile(r"\b(\d+) ([a-z]+)(?=,| and| on\b|\.)")
_PROBLEM = re.compile(r"math problem: (add|subtract|multiply|divide) (\d+) (?:and|from|by) (\d+)")


def _solve(task: str, look: str, rng: random.Random) -> Player:
    """Reads the problem, works it out with the calculator and puts the item of that quantity in the box."""
    say, items = partial(phrase, rng), {int(number): name for number, name in _ITEM.findall(look)}
    yield act(
        say("[A math problem, a box and things in several quantities.|First the problem, then the thing that fits it.|"
            "The problem says which quantity the box shall have.]"),
        say("[Take the math problem.|Take the problem to read it.]"),
        "take math problem",
        refusal(
            "reads what it does not hold",
            "read math problem",
            say("[Read the math problem.|Read it.]"),
            say("[Reading is not understood yet: one must take the problem first.|"
                "I don't hold the problem; it must be taken first.]"),
        ),
    )  # fmt: skip
    read = yield act(
        say("[I take the problem.|The problem is taken.|I hold the problem.]"),
        say("[Read the math problem.|Now read it.]"),
        "read math problem",
    )
    asked = _PROBLEM.search(read.content)
    if asked is None:
        raise Stuck(read.content)
    kind, a, b = asked[1], int(asked[2]), int(asked[3])
    if kind == "divide" and a % b:
        raise Stuck("a division with a rest")
    value = {"add": a + b, "subtract": b - a, "multiply": a * b, "divide": a // b if b else 0}[kind]
    if value not in items:
        raise Stuck(read.content)
    joint = {"subtract": "from", "divide": "by"}.get(kind, "and")
    text = say("[The problem: {k} {a} {j} {b}.|It asks to {k} {a} {j} {b}.]", k=kind, a=a, b=b, j=joint)
    tried = {"add": f"{a}+{b}", "subtract": f"{b}-{a}", "multiply": f"{a}*{b}", "divide": f"{value}*{b}"}[kind]
    compute, found = "[Compute {t}.|Work out {t}.|That is {t}.]", "[{t} is {f}.|It gives {f}.|The answer is {f}.]"
    if kind == "divide":
        compute = "[{v} should be {a} over {b}; check {t}.|{a} over {b} is {v} if {t} is {a}.]"
        found = "[{t} is {f}, so the answer is {v}.|It gives {f}: {v} is right.]"
    slots = {"t": tried, "v": value, "a": a, "b": b}
    plan, mistake = say(compute, **slots), _misread(rng, kind, a, b, value)
    result = yield Turn(text=text, plan=plan, call=_calculator(tried), mistakes=(mistake,))
    name, thing = items[value], f"{value} {items[value]}"
    yield act(
        say(found, f=result.content, **slots),
        say("[Take the {t}.|The {t} have that quantity: take them.]", t=thing),
        f"take {thing}",
        refusal(
            "names a thing without its quantity",
            f"take {name}",
            say("[Take the {n}.|{n} it is.]", n=name),
            say("[A thing is taken with its quantity.|"
                "'{n}' alone is not understood: the quantity belongs to the name.]", n=name),
        ),
    )  # fmt: skip
    yield act(
        say("[I take the {t}.|I hold the {t}.]", t=thing),
        say("[Put them in the box.|Into the box.]"),
        f"put {thing} in box",
    )
    return Answer(
        text=say("[The {t} are in the box.|I put the {t} in the box.]", t=thing),
        summary=say("[{v}|The answer is {v}, and the {t} are in the box.|The answer is {v}.]", v=value, t=thing),
    )


def _misread(rng: random.Random, kind: str, a: int, b: int, value: int) -> Mistake:
    """Another operation than the one asked for; the calculator's value then says what it is of."""
    if kind == "divide":
        wrong = rng.choice((value + 1, value + 2, a - b))
        tried = f"{wrong}*{b}" if wrong * b != a else f"{value + 3}*{b}"
        plan, why = f"Check {tried}.", f" and not {a}, so that is not what {a} over {b} is."
    else:
        tried = {"add": f"{a}*{b}", "subtract": f"{b}+{a}", "multiply": f"{a}+{b}"}[kind]
        plan, why = phrase(rng, "[Compute {t}.|Work out {t}.]", t=tried), f", but the problem says {kind}."
    return Mistake(
        name="another operation",
        call=_calculator(tried),
        plan=plan,
        shows=holds(calculate(tried).content),
        lesson=lambda seen: f"{tried} is {seen.content}{why}",
    )


def _calculator(expression: str) -> ToolCall:
    return ToolCall(name=CALCULATOR.name, arguments={"expression": expression})


SUM = TextWorldFamily(
    name="express_sum",
    simulator=ExpressSession,
    game="arithmetic",
    tools=(act_tool("look around, take THING, read THING, put THING in CONTAINER"), CALCULATOR),
    solve=_solve,
    sure_mistakes=3,
)
