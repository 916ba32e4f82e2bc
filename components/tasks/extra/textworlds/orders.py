"""Follow a book whose instruction changes after every step: it must be read again each time."""

from __future__ import annotations

import random
import re

from components.agent.messages import ToolSpec
from components.tasks.extra.textworlds.thoughts import Done, Mind, Slip, Stuck, Thought
from components.tasks.extra.textworlds.world import act_call, act_tool
from components.tasks.kit.wording import listed, phrase

_ORDER = re.compile(r"The current task is to take the ([^.]+)\.")
_MAX_ORDERS = 8


class OrdersPlayer:
    """Reads, does what is said, reads again, until the book has no more."""

    game = "peckingorder"
    settings = ("",)
    tools: tuple[ToolSpec, ...] = (act_tool("look around, read THING, take THING"),)
    sure_slips = 4

    def think(self, task: str, look: str, rng: random.Random) -> Mind:
        said = phrase(
            rng,
            "[The book says what to do.|One thing after the other, as the book says.|Nothing may be taken "
            "before the book says so.]",
        )
        taken: list[str] = []
        for _ in range(_MAX_ORDERS):
            text = yield Thought(
                said=said,
                plan=phrase(rng, "[Read the instructions book.|See what the book says.|Read what comes next.]"),
                call=act_call("read instructions book"),
                slips=(
                    Slip(
                        name="shortens the name of a thing",
                        call=act_call("read book"),
                        plan=phrase(rng, "[Read the book.|Read on.]"),
                        lesson="'book' alone is not understood: it is called instructions book.",
                    ),
                ),
            )
            order = _ORDER.search(text)
            if order is None:
                if "completed" in text and taken:
                    break
                raise Stuck(text)
            taken.append(order[1])
            text = yield Thought(
                said=phrase(rng, "[It says to take the {t}.|The {t} is next.|Now the {t}.]", t=order[1]),
                plan=phrase(rng, "[Take the {t}.|Do so.|Take it.]", t=order[1]),
                call=act_call(f"take {order[1]}"),
                slips=(
                    Slip(
                        name="takes it from the book",
                        call=act_call(f"take {order[1]} from book"),
                        plan=phrase(rng, "[Take the {t} from the book.|Take the {t} out of the book.]", t=order[1]),
                        lesson=phrase(rng, "The {t} does not lie in the book, it is only named there.", t=order[1]),
                    ),
                ),
            )
            said = phrase(rng, "[I take the {t}.|The {t} is taken.]", t=order[1])
        return Done(
            said=phrase(rng, "[The book says it is completed.|No more orders: completed.]"),
            summary=phrase(
                rng,
                "[All orders are followed; the last was the {t}.|I took {n} as the book said.]",
                t=taken[-1],
                n=listed(taken),
            ),
        )
