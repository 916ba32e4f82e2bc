"""Follow a book whose instruction changes after every step: it must be read again each time."""

from __future__ import annotations

import random
import re
from functools import partial

from components.tasks.extra.textworlds.family import TextWorldFamily
from components.tasks.extra.textworlds.sessions import ExpressSession
from components.tasks.extra.textworlds.turns import Stuck, act, refusal
from components.tasks.extra.textworlds.world import act_tool
from components.tasks.kit.oracle import Answer, Player
from components.tasks.kit.wording import listed, phrase

_ORDER = re.compile(r"The current task is to take the ([^.]+)\.")
_MAX_ORDERS = 8


def _solve(task: str, look: str, rng: random.Random) -> Player:
    """Reads, does what is said, reads again, until the book has no more."""
    say = partial(phrase, rng)
    text = say(
        "[The book says what to do.|One thing after the other, as the book says.|"
        "Nothing may be taken before the book says so.]"
    )
    taken: list[str] = []
    for _ in range(_MAX_ORDERS):
        page = yield act(
            text,
            say("[Read the instructions book.|See what the book says.|Read what comes next.]"),
            "read instructions book",
            refusal(
                "shortens the name of a thing",
                "read book",
                say("[Read the book.|Read on.]"),
                "'book' alone is not understood: it is called instructions book.",
            ),
        )
        order = _ORDER.search(page.content)
        if order is None:
            if "completed" in page.content and taken:
                break
            raise Stuck(page.content)
        thing = order[1]
        taken.append(thing)
        yield act(
            say("[It says to take the {t}.|The {t} is next.|Now the {t}.]", t=thing),
            say("[Take the {t}.|Do so.|Take it.]", t=thing),
            f"take {thing}",
            refusal(
                "takes it from the book",
                f"take {thing} from book",
                say("[Take the {t} from the book.|Take the {t} out of the book.]", t=thing),
                f"The {thing} does not lie in the book, it is only named there.",
            ),
        )
        text = say("[I take the {t}.|The {t} is taken.]", t=thing)
    return Answer(
        text=say("[The book says it is completed.|No more orders: completed.]"),
        summary=say("[All orders are followed; the last was the {t}.|I took {n} as the book said.]",
                    t=taken[-1], n=listed(taken)),
    )  # fmt: skip


ORDERS = TextWorldFamily(
    name="express_orders",
    simulator=ExpressSession,
    game="peckingorder",
    tools=(act_tool("look around, read THING, take THING"),),
    solve=_solve,
    sure_mistakes=4,
)
