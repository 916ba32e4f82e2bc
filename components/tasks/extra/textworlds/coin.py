"""Find a coin: rooms are searched nearest first, doors opened on the way."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import partial

from components.tasks.extra.textworlds.family import TextWorldFamily
from components.tasks.extra.textworlds.scene import OPPOSITE, Places, Scene, read_scene
from components.tasks.extra.textworlds.sessions import ExpressSession
from components.tasks.extra.textworlds.turns import Stuck, act, refusal
from components.tasks.extra.textworlds.world import act_tool
from components.tasks.kit.oracle import Answer, Mistake, Player
from components.tasks.kit.wording import capital, phrase

_COIN = re.compile(r"\bcoin\b")
_REVEALED = re.compile(r"revealing the ([^.]+)\.")


def _solve(task: str, look: str, rng: random.Random) -> Player:
    """Knows the rooms it has been in and what it saw through open ways."""
    say, places, seen = partial(phrase, rng), Places(), look
    text = say(
        "[A coin is hidden in one of the rooms|A search for a coin]; [I see none here|there is none in sight here]."
    )
    while not _COIN.search(seen):
        scene = read_scene(seen)
        if scene.room in places.scenes:
            text = say("[The {r} again.|Back in the {r}.]", r=scene.room)
        elif places.scenes:
            text = say("[No coin in the {r}.|The {r} has no coin.|The {r}, without a coin.]", r=scene.room)
        places.enter(scene)
        way = _next(places, rng)
        scene = places.scenes[places.here]
        if way in scene.closed:
            door = scene.closed[way]
            opening = yield act(
                text,
                say("[Open the {d} to the {w}.|The {d} to the {w} is closed: open it.|Try the {d}.]", d=door, w=way),
                f"open door to {way}",
                refusal(
                    "walks against a closed door",
                    f"move {way}",
                    say("[Go {w}.|Move {w}.]", w=way),
                    say("[I can't move {w} while the door is closed.|"
                        "The door is closed, so it must be opened before I move {w}.]", w=way),
                ),
                *_mistakes(rng, scene),
            )  # fmt: skip
            revealed = _REVEALED.search(opening.content)
            if revealed is None:
                raise Stuck(opening.content)
            places.opened(way, revealed[1])
            text = say("[Behind it lies the {r}.|The {d} leads to the {r}.]", r=revealed[1], d=door)
            scene = places.scenes[places.here]
        pattern = "[Go {w} to the {r}.|{w} to the {r}.|On to the {r}.]"
        if scene.beyond[way] in places.scenes:
            pattern = "[Back {w} to the {r}.|Through the {r} to rooms not seen.]"
        plan = capital(say(pattern, w=way, r=scene.beyond[way]))
        seen = (yield act(text, plan, f"move {way}", *_mistakes(rng, scene))).content
    room = read_scene(seen).room
    yield act(
        say("[There is the coin, in the {r}.|The {r} has the coin.]", r=room),
        say("[Take it.|Take the coin.]"),
        "take coin",
    )
    return Answer(
        text=say("[I take the coin: the task is done.|The coin is mine now.]"),
        summary=say("[The coin was in the {r}; I have it.|I found the coin in the {r} and took it.]", r=room),
    )


def _next(places: Places, rng: random.Random) -> str:
    """The way to the nearest room not seen yet; one behind a closed door here counts as near as one next door."""
    known, scene = places.scenes, places.scenes[places.here]
    fresh = [way for way, room in scene.beyond.items() if room not in known]
    if fresh or scene.closed:
        return rng.choice(sorted([*fresh, *scene.closed]))
    unseen = {room for each in known.values() for room in each.beyond.values()} - set(known)
    way = places.way_to(unseen | {name for name, each in known.items() if each.closed})
    if not way:
        raise Stuck("every room was seen")
    return way[0]


def _mistakes(rng: random.Random, scene: Scene) -> Iterator[Mistake]:
    """What one tries in a room without looking: to take what is not there, to walk where no way leads."""
    say, room = partial(phrase, rng), scene.room
    yield refusal(
        "takes what is not there",
        "take coin",
        say("[Take the coin.|Try to take the coin at once.]"),
        say("[There is no coin to take in the {r}.|Taking the coin is not understood: none is here.]", r=room),
    )
    walls = sorted(set(OPPOSITE) - set(scene.beyond) - set(scene.closed))
    if walls:
        way = rng.choice(walls)
        yield refusal(
            "walks where no way leads",
            f"move {way}",
            say("[Go {w}.|Try {w}.]", w=way),
            say("[No way leads {w} from the {r}.|{W} of the {r} there is no way.]", w=way, W=capital(way), r=room),
        )


COIN = TextWorldFamily(
    name="express_coin",
    simulator=ExpressSession,
    game="coin",
    settings=tuple(
        f"numLocations={rooms},numDistractorItems={others},includeDoors={doors},limitInventorySize=0"
        for rooms in (4, 5, 6)
        for others in (0, 2, 4)
        for doors in (0, 1)
    ),
    tools=(act_tool("look around, move WAY, open door to WAY, take THING"),),
    solve=_solve,
    sure_mistakes=1,
)
