"""Fetch a coin by the map: the route is worked out from what the map says, then walked."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import partial

from components.tasks.extra.textworlds.family import TextWorldFamily
from components.tasks.extra.textworlds.scene import OPPOSITE, Scene, read_scene, shortest
from components.tasks.extra.textworlds.sessions import ExpressSession
from components.tasks.extra.textworlds.turns import Stuck, act, holds, refusal
from components.tasks.extra.textworlds.world import act_call, act_tool
from components.tasks.kit.oracle import Answer, Mistake, Player
from components.tasks.kit.wording import listed, phrase

_TASK = re.compile(r"located in the ([^,]+), and put it into the box found in the ([^.]+)\.")
_LINE = re.compile(r"The ([^.\n]+?) connects to the ([^.\n]+)\.")
_AND = re.compile(r", | and ")


def _solve(task: str, look: str, rng: random.Random) -> Player:
    """Reads the map, then walks to the coin and to the box."""
    say, asked, scene = partial(phrase, rng), _TASK.search(task), read_scene(look)
    if asked is None:
        raise Stuck(task)
    coin, box = asked.groups()
    read = yield act(
        say("[The coin is in the {c}, the box in the {b}|From the {c} to the {b}]; I am in the {h}.",
            c=coin, b=box, h=scene.room),
        say("[See how the rooms connect.|First read the map.|Read the map for the route.]"),
        "read map",
        *([_early_take(rng, coin)] if scene.room != coin else []),
    )  # fmt: skip
    graph = {room: set(_AND.split(rooms)) for room, rooms in _LINE.findall(read.content)}
    text = ""
    for goal in (coin, box):
        route = shortest(graph, scene.room, {goal})
        if not route:
            raise Stuck(f"no route to {goal}")
        plan = say("[Route: {r}.|The way is {r}.|Go by {r}.]", r=listed([f"the {room}" for room in route[1:]], "then"))
        text = text or say("[The map shows the way to the {g}.|By the map the {g} can be reached.]", g=goal)
        for following in route[1:]:
            way = next((each for each, room in scene.beyond.items() if room == following), None)
            if way is None:
                raise Stuck(f"no way to {following}")
            step = say("[The {r} lies {w}.|{W} to the {r}.|Go {w} to the {r}.]", r=following, w=way, W=way.title())
            early = _early_take(rng, coin) if goal == coin else _early_put(rng, box)
            mistakes = (*_astray(rng, scene, following), early)
            scene = read_scene((yield act(text, f"{plan} {step}".strip(), f"move {way}", *mistakes)).content)
            if scene.room != following:
                raise Stuck(f"{scene.room} for {following}")
            text, plan = say("[This is the {r}.|I am in the {r}.|The {r}, as the map says.]", r=following), ""
        if goal == coin:
            yield act(say("[The {r} has a coin.|In the {r} lies a coin.]", r=coin), "Take it.", "take coin")
            text = say("[I take the coin.|The coin is taken.]")
    yield act(
        say("[The box is here, in the {b}.|This is the {b} with the box.]", b=box),
        say("[Put the coin in.|In with the coin.]"),
        "put coin in box",
    )
    return Answer(
        text=say("[The coin is in the box.|I put the coin in the box.]"),
        summary=say("[The coin from the {c} is in the box in the {b}.|I took the coin from the {c} to the box in the "
                    "{b}.]", c=coin, b=box),
    )  # fmt: skip


def _early_take(rng: random.Random, coin: str) -> Mistake:
    return refusal(
        "takes what is elsewhere",
        "take coin",
        phrase(rng, "[Take the coin.|Take the coin now.]"),
        phrase(rng, "[The coin is not here but in the {c}.|Not yet: the coin is in the {c}.]", c=coin),
    )


def _early_put(rng: random.Random, box: str) -> Mistake:
    return refusal(
        "puts it where no box is",
        "put coin in box",
        phrase(rng, "[Put the coin in the box.|Now the coin into the box.]"),
        phrase(rng, "[There is no box here; it is in the {b}.|The box is in the {b}, not here.]", b=box),
    )


def _astray(rng: random.Random, scene: Scene, following: str) -> Iterator[Mistake]:
    """Sides confused: a way that leads to another room, and the way back."""
    others = sorted(way for way, room in scene.beyond.items() if room != following)
    if not others:
        return
    say, way = partial(phrase, rng), rng.choice(others)
    room, back = scene.beyond[way], OPPOSITE[way]
    yield Mistake(
        name="sides confused",
        call=act_call(f"move {way}"),
        plan=say("[The {r} lies {w}.|Go {w} to the {r}.]", r=following, w=way),
        shows=holds(f"You are in the {room}."),
        lesson=lambda seen: f"This is the {room}, not the {following}.",
        repair=act(
            say("[Back in the {h}.|The {h} again.]", h=scene.room),
            say("[Back {w} to the {h}.|Return to the {h}.]", w=back, h=scene.room),
            f"move {back}",
        ),
    )


MAP = TextWorldFamily(
    name="express_map",
    simulator=ExpressSession,
    game="mapreader",
    settings=tuple(
        f"numLocations={rooms},maxDistanceApart={apart},maxDistractorItemsPerLocation={others},includeDoors=0,limitInventorySize=0"
        for rooms in (8, 11, 15)
        for apart in (2, 3, 4)
        for others in (0, 2)
    ),
    tools=(act_tool("look around, read THING, move WAY, take THING, put THING in CONTAINER"),),
    solve=_solve,
    sure_mistakes=3,
)
