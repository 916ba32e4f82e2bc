"""Cook after a book: find what the recipe needs, prepare it as it says, eat."""

from __future__ import annotations

import random
import re
from functools import partial

from components.tasks.extra.textworlds.family import TextWorldFamily
from components.tasks.extra.textworlds.sessions import ExpressSession
from components.tasks.extra.textworlds.turns import Stuck, act, refusal
from components.tasks.extra.textworlds.world import act_tool
from components.tasks.kit.oracle import Answer, Player
from components.tasks.kit.wording import capital, listed, phrase

_CLOSED = re.compile(r"\ba ([a-z ]+) that is closed")
_DIRECTION = re.compile(r"^\s*(chop|slice|dice|fry|roast|grill) the (.+?)\s*$", re.MULTILINE)
_HEAT = {"fry": ("stove",), "roast": ("oven",), "grill": ("toaster", "barbeque")}
_OPEN_FIRST = ("fridge", "kitchen cupboard", "cutlery drawer")


def _solve(task: str, look: str, rng: random.Random) -> Player:
    """One kitchen. Looks into what is closed only for what it does not see."""
    say = partial(phrase, rng)
    early = refusal(
        "prepares before the parts are ready",
        "prepare meal",
        say("[Prepare the meal.|Straight to the meal.]"),
        say("[The meal can't be made yet: the recipe comes first.|Not yet: the meal needs all that its recipe says.]"),
    )
    read = yield act(
        say("[A meal after a cookbook.|The cookbook on the counter has the recipe.|First the recipe.]"),
        say("[Read the cookbook.|See what it needs: read the cookbook.]"),
        "read cookbook",
        early,
    )
    ingredients = read.content.partition("Ingredients:")[2].partition("Directions:")[0]
    needs = [line.strip() for line in ingredients.splitlines() if line.strip()]
    steps: list[tuple[str, str]] = _DIRECTION.findall(read.content)
    if not needs:
        raise Stuck(read.content)
    wanted = [*needs, *(["knife"] if any(verb not in _HEAT for verb, _ in steps) else [])]
    text = say("[It needs {n}.|The recipe asks for {n}.|Needed: {n}.]", n=listed(needs))
    seen, closed = look, [name for name in _OPEN_FIRST if name in _CLOSED.findall(look)]
    plan = say("[Gather {w}.|Collect {w} first.|]", w=listed(wanted)) if len(wanted) > 1 else ""
    while wanted:
        here = next((thing for thing in wanted if _names(seen, thing)), None)
        if here is not None:
            wanted.remove(here)
            take = say("[Take the {t}.|The {t} is in sight: take it.]", t=here)
            yield act(text, f"{plan} {take}".strip(), f"take {here}", early)
            text = say("[I take the {t}.|The {t} is taken.|I have the {t}.]", t=here)
        elif closed:
            box, thing = closed.pop(0), wanted[0]
            look_in = say("[The {t} may be in the {b}: open it.|Look into the {b} for the {t}.]", t=thing, b=box)
            away = refusal(
                "takes what it does not see",
                f"take {thing}",
                say("[Take the {t}.|Now the {t}.]", t=thing),
                say("[The {t} is not in sight yet.|I can't take the {t}: I have not found it.]", t=thing),
            )
            inside = (yield act(text, f"{plan} {look_in}".strip(), f"open {box}", away, early)).content
            seen += "\n" + inside
            found = [thing for thing in wanted if _names(inside, thing)]
            if found:
                text = say("[There is the {f}.|It holds the {f}.]", f=listed(found, "and the"))
            else:
                text = say("[The {b} has nothing I need.|Not in the {b}.]", b=box)
        else:
            raise Stuck(f"no {wanted[0]} in sight")
        plan = ""
    for verb, thing in steps:
        if verb not in _HEAT:
            command, plan = f"{verb} {thing}", say("[{v} the {t}.|Now {v} the {t}.]", v=verb, t=thing)
        else:
            device = next((name for name in _HEAT[verb] if _names(look, name)), None)
            if device is None:
                raise Stuck(f"nothing to {verb} with")
            command = f"cook {thing} in {device}"
            pattern = "[{v} the {t} in the {d}.|To {v} takes the {d}: the {t} goes in.]"
            plan = say(pattern, v=verb, t=thing, d=device)
        after = (yield act(text, capital(plan), command, early)).content
        if not after.startswith(f"You {verb}"):
            raise Stuck(after)
        text = say("[The {t} is done as the book says.|That was to {v} the {t}.]", v=verb, t=thing)
    yield act(text, say("[Prepare the meal.|All is ready: prepare the meal.]"), "prepare meal")
    yield act(say("[The meal is in my inventory.|I have the meal.]"), say("[Eat it.|Eat the meal.]"), "eat meal")
    return Answer(
        text=say("[I eat the meal, and it is delicious.|Delicious.]"),
        summary=say("[I cooked and ate a meal of {n}.|The meal of {n} is eaten.]", n=listed(needs)),
    )


def _names(text: str, thing: str) -> bool:
    return re.search(rf"\b{re.escape(thing)}\b", text) is not None


COOKING = TextWorldFamily(
    name="express_cooking",
    simulator=ExpressSession,
    game="cookingworld",
    settings=tuple(
        f"numLocations=1,numIngredients={count},numDistractorItems={others},includeDoors=0,limitInventorySize=0"
        for count in (1, 2, 3)
        for others in (0, 2, 4)
    ),
    tools=(
        act_tool(
            "look around, take THING, read THING, open THING, chop THING, slice THING, dice THING, "
            "cook THING in THING, prepare meal, eat meal. fry: stove; roast: oven; grill: toaster"
        ),
    ),
    solve=_solve,
    sure_mistakes=2,
)
