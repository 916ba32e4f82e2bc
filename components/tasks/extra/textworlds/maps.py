"""Fetch a coin by the map: the route is worked out from what the map says, then walked."""

from __future__ import annotations

import random
import re

from components.agent.messages import ToolSpec
from components.tasks.extra.textworlds.scene import OPPOSITE, Scene, read_scene, shortest
from components.tasks.extra.textworlds.thoughts import Done, Mind, Slip, Stuck, Thought
from components.tasks.extra.textworlds.world import act_call, act_tool
from components.tasks.kit.wording import listed, phrase

_TASK = re.compile(r"located in the ([^,]+), and put it into the box found in the ([^.]+)\.")
_LINE = re.compile(r"The ([^.\n]+?) connects to the ([^.\n]+)\.")
_AND = re.compile(r", | and ")


class MapPlayer:
    """Reads the map, then walks to the coin and to the box."""

    game = "mapreader"
    settings = tuple(
        f"numLocations={rooms},maxDistanceApart={apart},maxDistractorItemsPerLocation={others},includeDoors=0,limitInventorySize=0"
        for rooms in (8, 11, 15)
        for apart in (2, 3, 4)
        for others in (0, 2)
    )
    tools: tuple[ToolSpec, ...] = (act_tool("look around, read THING, move WAY, take THING, put THING in CONTAINER"),)
    sure_slips = 3

    def think(self, task: str, look: str, rng: random.Random) -> Mind:
        asked, scene = _TASK.search(task), read_scene(look)
        if asked is None or scene is None:
            raise Stuck(task)
        coin, box = asked[1], asked[2]
        text = yield Thought(
            said=phrase(
                rng,
                "[The coin is in the {c}, the box in the {b}|From the {c} to the {b}]; I am in the {h}.",
                c=coin,
                b=box,
                h=scene.room,
            ),
            plan=phrase(rng, "[See how the rooms connect.|First read the map.|Read the map for the route.]"),
            call=act_call("read map"),
            slips=(_early_take(rng, coin),) if scene.room != coin else (),
        )
        graph = {room: set(_AND.split(rooms)) for room, rooms in _LINE.findall(text)}
        said = ""
        for goal in (coin, box):
            route = shortest(graph, scene.room, {goal})
            if not route:
                raise Stuck(f"no route to {goal}")
            plan = _route_plan(rng, route)
            said = said or phrase(rng, "[The map shows the way to the {g}.|By the map the {g} can be reached.]", g=goal)
            for following in route[1:]:
                way = next((each for each, room in scene.beyond.items() if room == following), None)
                if way is None:
                    raise Stuck(f"no way to {following}")
                step = phrase(
                    rng, "[The {r} lies {w}.|{W} to the {r}.|Go {w} to the {r}.]", r=following, w=way, W=way.title()
                )
                early = _early_take(rng, coin) if goal == coin else _early_put(rng, box)
                slips = (*_astray(rng, scene, following), early)
                text = yield Thought(
                    said=said, plan=f"{plan} {step}".strip(), call=act_call(f"move {way}"), slips=slips
                )
                scene = read_scene(text)
                if scene is None or scene.room != following:
                    raise Stuck(text)
                said, plan = (
                    phrase(rng, "[This is the {r}.|I am in the {r}.|The {r}, as the map says.]", r=following),
                    "",
                )
            if goal == coin:
                text = yield Thought(
                    said=phrase(rng, "[The {r} has a coin.|In the {r} lies a coin.]", r=coin),
                    plan="Take it.",
                    call=act_call("take coin"),
                )
                said = phrase(rng, "[I take the coin.|The coin is taken.]")
        yield Thought(
            said=phrase(rng, "[The box is here, in the {b}.|This is the {b} with the box.]", b=box),
            plan=phrase(rng, "[Put the coin in.|In with the coin.]"),
            call=act_call("put coin in box"),
        )
        return Done(
            said=phrase(rng, "[The coin is in the box.|I put the coin in the box.]"),
            summary=phrase(
                rng,
                "[The coin from the {c} is in the box in the {b}.|I took the coin from the {c} to the box in the {b}.]",
                c=coin,
                b=box,
            ),
        )


def _route_plan(rng: random.Random, route: list[str]) -> str:
    return phrase(
        rng, "[Route: {r}.|The way is {r}.|Go by {r}.]", r=listed([f"the {room}" for room in route[1:]], "then")
    )


def _early_take(rng: random.Random, coin: str) -> Slip:
    return Slip(
        name="takes what is elsewhere",
        call=act_call("take coin"),
        plan=phrase(rng, "[Take the coin.|Take the coin now.]"),
        lesson=phrase(rng, "[The coin is not here but in the {c}.|Not yet: the coin is in the {c}.]", c=coin),
    )


def _early_put(rng: random.Random, box: str) -> Slip:
    return Slip(
        name="puts it where no box is",
        call=act_call("put coin in box"),
        plan=phrase(rng, "[Put the coin in the box.|Now the coin into the box.]"),
        lesson=phrase(rng, "[There is no box here; it is in the {b}.|The box is in the {b}, not here.]", b=box),
    )


def _astray(rng: random.Random, scene: Scene, following: str) -> tuple[Slip, ...]:
    """Sides confused: a way that leads to another room, and the way back."""
    others = sorted(way for way, room in scene.beyond.items() if room != following)
    if not others:
        return ()
    way = rng.choice(others)
    room = scene.beyond[way]
    return (
        Slip(
            name="sides confused",
            call=act_call(f"move {way}"),
            plan=phrase(rng, "[The {r} lies {w}.|Go {w} to the {r}.]", r=following, w=way),
            shows=(f"You are in the {room}.",),
            lesson=phrase(rng, "This is the {o}, not the {r}.", o=room, r=following),
            back=Thought(
                said=phrase(rng, "[Back in the {h}.|The {h} again.]", h=scene.room),
                plan=phrase(rng, "[Back {w} to the {h}.|Return to the {h}.]", w=OPPOSITE[way], h=scene.room),
                call=act_call(f"move {OPPOSITE[way]}"),
            ),
        ),
    )
