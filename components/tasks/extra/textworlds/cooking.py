"""Cook after a book: find what the recipe needs, prepare it as it says, eat."""

from __future__ import annotations

import random
import re

from components.agent.messages import ToolSpec
from components.tasks.extra.textworlds.thoughts import Done, Mind, Slip, Stuck, Thought
from components.tasks.extra.textworlds.world import act_call, act_tool
from components.tasks.kit.wording import capital, listed, phrase

_CLOSED = re.compile(r"\ba ([a-z ]+) that is closed")
_DIRECTION = re.compile(r"^(chop|slice|dice|fry|roast|grill) the (.+)$", re.MULTILINE)
_HEAT = {"fry": ("stove",), "roast": ("oven",), "grill": ("toaster", "barbeque")}
_CUTS = ("chop", "slice", "dice")
_OPEN_FIRST = ("fridge", "kitchen cupboard", "cutlery drawer")


class CookPlayer:
    """One kitchen. Looks into what is closed only for what it does not see."""

    game = "cookingworld"
    settings = tuple(
        f"numLocations=1,numIngredients={count},numDistractorItems={others},includeDoors=0,limitInventorySize=0"
        for count in (1, 2, 3)
        for others in (0, 2, 4)
    )
    tools: tuple[ToolSpec, ...] = (
        act_tool(
            "look around, take THING, read THING, open THING, chop THING, slice THING, dice THING, "
            "cook THING in THING, prepare meal, eat meal. fry: stove; roast: oven; grill: toaster"
        ),
    )
    sure_slips = 2

    def think(self, task: str, look: str, rng: random.Random) -> Mind:
        early = Slip(
            name="prepares before the parts are ready",
            call=act_call("prepare meal"),
            plan=phrase(rng, "[Prepare the meal.|Straight to the meal.]"),
            lesson=phrase(
                rng,
                "[The meal can't be made yet: the recipe comes first.|Not yet: the meal needs all that its "
                "recipe says.]",
            ),
        )
        text = yield Thought(
            said=phrase(
                rng, "[A meal after a cookbook.|The cookbook on the counter has the recipe.|First the recipe.]"
            ),
            plan=phrase(rng, "[Read the cookbook.|See what it needs: read the cookbook.]"),
            call=act_call("read cookbook"),
            slips=(early,),
        )
        needs = [line.strip() for line in text.partition("Ingredients:")[2].partition("Directions:")[0].splitlines()]
        needs = [need for need in needs if need]
        steps: list[tuple[str, str]] = _DIRECTION.findall("\n".join(map(str.strip, text.splitlines())))
        if not needs:
            raise Stuck(text)
        wanted = [*needs, *(["knife"] if any(verb in _CUTS for verb, _ in steps) else [])]
        said = phrase(rng, "[It needs {n}.|The recipe asks for {n}.|Needed: {n}.]", n=listed(needs))
        seen, closed = look, [name for name in _OPEN_FIRST if name in _CLOSED.findall(look)]
        plan = phrase(rng, "[Gather {w}.|Collect {w} first.|]", w=listed(wanted)) if len(wanted) > 1 else ""
        while wanted:
            here = next((thing for thing in wanted if re.search(rf"\b{re.escape(thing)}\b", seen)), None)
            if here is not None:
                wanted.remove(here)
                take = phrase(rng, "[Take the {t}.|The {t} is in sight: take it.]", t=here)
                yield Thought(said=said, plan=f"{plan} {take}".strip(), call=act_call(f"take {here}"), slips=(early,))
                said = phrase(rng, "[I take the {t}.|The {t} is taken.|I have the {t}.]", t=here)
            elif closed:
                box = closed.pop(0)
                look_in = phrase(
                    rng, "[The {t} may be in the {b}: open it.|Look into the {b} for the {t}.]", t=wanted[0], b=box
                )
                away = Slip(
                    name="takes what it does not see",
                    call=act_call(f"take {wanted[0]}"),
                    plan=phrase(rng, "[Take the {t}.|Now the {t}.]", t=wanted[0]),
                    lesson=phrase(
                        rng, "[The {t} is not in sight yet.|I can't take the {t}: I have not found it.]", t=wanted[0]
                    ),
                )
                text = yield Thought(
                    said=said, plan=f"{plan} {look_in}".strip(), call=act_call(f"open {box}"), slips=(away, early)
                )
                seen += "\n" + text
                found = [thing for thing in wanted if re.search(rf"\b{re.escape(thing)}\b", text)]
                said = (
                    phrase(rng, "[There is the {f}.|It holds the {f}.]", f=listed(found, "and the"))
                    if found
                    else phrase(rng, "[The {b} has nothing I need.|Not in the {b}.]", b=box)
                )
            else:
                raise Stuck(f"no {wanted[0]} in sight")
            plan = ""
        for verb, thing in steps:
            if verb in _CUTS:
                call, doing = (
                    act_call(f"{verb} {thing}"),
                    phrase(rng, "[{v} the {t}.|Now {v} the {t}.]", v=verb, t=thing),
                )
            else:
                device = next((name for name in _HEAT[verb] if re.search(rf"\b{name}\b", look)), None)
                if device is None:
                    raise Stuck(f"nothing to {verb} with")
                call = act_call(f"cook {thing} in {device}")
                doing = phrase(
                    rng, "[{v} the {t} in the {d}.|To {v} takes the {d}: the {t} goes in.]", v=verb, t=thing, d=device
                )
            text = yield Thought(said=said, plan=capital(doing), call=call, slips=(early,))
            if not text.startswith(f"You {verb}"):
                raise Stuck(text)
            said = phrase(rng, "[The {t} is done as the book says.|That was to {v} the {t}.]", v=verb, t=thing)
        yield Thought(
            said=said,
            plan=phrase(rng, "[Prepare the meal.|All is ready: prepare the meal.]"),
            call=act_call("prepare meal"),
        )
        yield Thought(
            said=phrase(rng, "[The meal is in my inventory.|I have the meal.]"),
            plan=phrase(rng, "[Eat it.|Eat the meal.]"),
            call=act_call("eat meal"),
        )
        return Done(
            said=phrase(rng, "[I eat the meal, and it is delicious.|Delicious.]"),
            summary=phrase(rng, "[I cooked and ate a meal of {n}.|The meal of {n} is eaten.]", n=listed(needs)),
        )
