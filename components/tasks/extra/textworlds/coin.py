"""Find a coin: rooms are searched nearest first, doors opened on the way."""

from __future__ import annotations

import random
import re

from components.agent.messages import ToolSpec
from components.tasks.extra.textworlds.scene import OPPOSITE, Places, Scene, read_scene
from components.tasks.extra.textworlds.thoughts import Done, Mind, Slip, Stuck, Thought
from components.tasks.extra.textworlds.world import act_call, act_tool
from components.tasks.kit.wording import capital, phrase

_COIN = re.compile(r"\bcoin\b")
_GO = "[Go {w} to the {r}.|{w} to the {r}.|On to the {r}.]"
_REVEALED = re.compile(r"revealing the ([^.]+)\.")


class CoinPlayer:
    """Knows the rooms it has been in and what it saw through open ways."""

    game = "coin"
    settings = tuple(
        f"numLocations={rooms},numDistractorItems={others},includeDoors={doors},limitInventorySize=0"
        for rooms in (4, 5, 6)
        for others in (0, 2, 4)
        for doors in (0, 1)
    )
    tools: tuple[ToolSpec, ...] = (act_tool("look around, move WAY, open door to WAY, take THING"),)
    sure_slips = 1

    def think(self, task: str, look: str, rng: random.Random) -> Mind:
        places = Places()
        seen, said = (
            look,
            phrase(
                rng,
                "[A coin is hidden in one of the rooms|A search for a coin]; "
                "[I see none here|there is none in sight here].",
            ),
        )
        while not _COIN.search(seen):
            scene = read_scene(seen)
            if scene is None:
                raise Stuck(seen)
            if scene.room in places.scenes:
                said = phrase(rng, "[The {r} again.|Back in the {r}.]", r=scene.room)
            elif places.scenes:
                said = phrase(rng, "[No coin in the {r}.|The {r} has no coin.|The {r}, without a coin.]", r=scene.room)
            places.enter(scene)
            way = self._next(places, rng)
            scene = places.scenes[places.here]
            if way in scene.closed:
                door = scene.closed[way]
                plan = phrase(
                    rng, "[Open the {d} to the {w}.|The {d} to the {w} is closed: open it.|Try the {d}.]", d=door, w=way
                )
                walk = Slip(
                    name="walks against a closed door",
                    call=act_call(f"move {way}"),
                    plan=phrase(rng, "[Go {w}.|Move {w}.]", w=way),
                    lesson=phrase(
                        rng,
                        "[I can't move {w} while the door is closed.|The door is closed, so it must be "
                        "opened before I move {w}.]",
                        w=way,
                    ),
                )
                seen = yield Thought(
                    said=said, plan=plan, call=act_call(f"open door to {way}"), slips=(walk, *_slips(rng, scene))
                )
                revealed = _REVEALED.search(seen)
                if revealed is None:
                    raise Stuck(seen)
                places.opened(way, revealed[1])
                said = phrase(rng, "[Behind it lies the {r}.|The {d} leads to the {r}.]", r=revealed[1], d=door)
                scene = places.scenes[places.here]
            known = scene.beyond[way] in places.scenes
            pattern = "[Back {w} to the {r}.|Through the {r} to rooms not seen.]" if known else _GO
            plan = phrase(rng, pattern, w=way, r=scene.beyond[way])
            seen = yield Thought(said=said, plan=capital(plan), call=act_call(f"move {way}"), slips=_slips(rng, scene))
        found = read_scene(seen)
        room = found.room if found else ""
        yield Thought(
            said=phrase(rng, "[There is the coin, in the {r}.|The {r} has the coin.]", r=room),
            plan=phrase(rng, "[Take it.|Take the coin.]"),
            call=act_call("take coin"),
        )
        return Done(
            said=phrase(rng, "[I take the coin: the task is done.|The coin is mine now.]"),
            summary=phrase(
                rng, "[The coin was in the {r}; I have it.|I found the coin in the {r} and took it.]", r=room
            ),
        )

    def _next(self, places: Places, rng: random.Random) -> str:
        """The way to the nearest room not seen yet; one behind a closed door here counts as near as one next door."""
        scene = places.scenes[places.here]
        fresh = [way for way, room in scene.beyond.items() if room not in places.scenes]
        if fresh or scene.closed:
            return rng.choice(sorted([*fresh, *scene.closed]))
        known = places.scenes
        unseen = {room for each in known.values() for room in each.beyond.values()} - set(known)
        shut = {name for name, each in known.items() if each.closed}
        way = places.way_to(unseen | shut)
        if not way:
            raise Stuck("every room was seen")
        return way[0]


def _slips(rng: random.Random, scene: Scene) -> tuple[Slip, ...]:
    """What one tries in a room without looking: to take what is not there, to walk where no way leads."""
    slips = [
        Slip(
            name="takes what is not there",
            call=act_call("take coin"),
            plan=phrase(rng, "[Take the coin.|Try to take the coin at once.]"),
            lesson=phrase(
                rng,
                "[There is no coin to take in the {r}.|Taking the coin is not understood: none is here.]",
                r=scene.room,
            ),
        )
    ]
    walls = sorted(set(OPPOSITE) - set(scene.beyond) - set(scene.closed))
    if walls:
        way = rng.choice(walls)
        slips.append(
            Slip(
                name="walks where no way leads",
                call=act_call(f"move {way}"),
                plan=phrase(rng, "[Go {w}.|Try {w}.]", w=way),
                lesson=phrase(
                    rng,
                    "[No way leads {w} from the {r}.|{W} of the {r} there is no way.]",
                    w=way,
                    W=capital(way),
                    r=scene.room,
                ),
            )
        )
    return tuple(slips)
