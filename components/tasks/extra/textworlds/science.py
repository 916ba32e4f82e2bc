"""ScienceWorld's shorter tasks: find a living or lifeless thing and box it, tell which animal lives longest.

What players know beside the texts is common knowledge: animals live outside, trees stand in a greenhouse, an axe is not
alive, a tortoise outlives a frog. Where the simulator holds another opinion the game is not won, so it is never asked.
"""

from __future__ import annotations

import random
import re
from functools import partial

from components.core.seeding import named_rng
from components.tasks.extra.textworlds.family import TextWorldFamily
from components.tasks.extra.textworlds.house import NOT_KNOWN, Tour
from components.tasks.extra.textworlds.sessions import ScienceSession
from components.tasks.extra.textworlds.turns import Stuck, refusal
from components.tasks.extra.textworlds.world import act_tool
from components.tasks.kit.oracle import Answer, Moves, Player
from components.tasks.kit.wording import listed, phrase

# From the longest to the shortest life, by the ages animals of the kind commonly reach.
_LIVES = (
    "giant tortoise", "crocodile", "elephant", "parrot", "turtle", "brown bear", "beaver", "wolf", "dove",
    "frog", "rabbit", "chameleon", "blue jay", "hedgehog", "chipmunk", "mouse", "ant", "dragonfly", "butterfly",
)  # fmt: skip
_LIFELESS = (
    "axe", "shovel", "jug", "battery", "lighter", "stopwatch", "thermometer", "glass jar", "glass cup",
    "drawer",
)  # fmt: skip
_STAGE = r"(?:baby |hatchling |juvenile |adult )?"
_ANIMAL = re.compile(rf"^\tan? ({_STAGE}(?:{'|'.join(_LIVES)})(?: egg)?)$", re.MULTILINE)
_POT = re.compile(r"^\ta (flower pot \d+) \(containing an? ([a-z]+ (?:tree|plant)) in the \w+ stage", re.MULTILINE)
_FIND = re.compile(r"find a\(n\) (.+?)\..* move it to the (\w+ box) in the ([\w ]+)\.")
_WHOSE = re.compile(r"ocus on the animal with the (longest|shortest) life span")
_SORTS = {
    "animal": "an animal",
    "plant": "a plant",
    "living thing": "a living thing",
    "non-living thing": "a thing that is not alive",
}
# Where one looks first, then the rooms that lead on.
_HALLS = {"hallway": 0, "kitchen": 1, "outside": 2, "greenhouse": 3}
_WHERE = {
    "animal": {"outside": 0, "greenhouse": 1, "kitchen": 2, "hallway": 3},
    "plant": {"greenhouse": 0, "outside": 1, "hallway": 2, "kitchen": 3},
    "living thing": {"greenhouse": 0, "outside": 0, "kitchen": 1, "hallway": 2},
    "non-living thing": {"kitchen": 0, "outside": 1, "greenhouse": 2, "hallway": 3},
}


def _find(task: str, look: str, rng: random.Random) -> Player:
    """Finds a thing of a kind, focuses on it, carries it to a box."""
    say, asked = partial(phrase, rng), _FIND.search(task)
    if asked is None:
        raise Stuck(task)
    kind, box, goal = asked.groups()
    pattern = "[I need {k} and then the {b} in the {g}|The task: {k}, to be put into the {b} in the {g}]."
    tour = Tour(rng=rng, toward=(goal,), text=say(pattern, k=_SORTS[kind], b=box, g=goal))
    tour.enter(look)
    while (found := _pick(kind, tour.things)) is None:
        yield from tour.walk(tour.nearest(_WHERE[kind]))
    (name, held), where = found, tour.here
    tour.text = say("[The {r} has a {n}, {k}.|I see a {n} in the {r}: {k}.]", r=where, n=name, k=_SORTS[kind])
    yield from _focus(tour, name)
    if where != goal:
        plan = say("[Pick up the {h}.|Take the {h} along.]", h=held)
        yield from tour.do(plan, f"pick up {held}", expect="to the inventory")
        tour.text = say("[I carry the {h}.|The {h} is in my inventory.]", h=held)
        early = refusal(
            "puts it down too early",
            f"move {held} to {box}",
            say("[Move the {h} to the {b}.|Put it into the {b}.]", h=held, b=box),
            say("[The {b} is not in the {r}; it is in the {g}.|That can't be done in the {r}: the {b} is in the {g}.]",
                b=box, r=where, g=goal),
            NOT_KNOWN,
        )  # fmt: skip
        while not any(goal in room.doors for room in tour.rooms.values()) and goal not in tour.rooms:
            yield from tour.walk(tour.nearest(_HALLS), early)
        yield from tour.walk(goal, early)
    plan = say("[Move the {h} to the {b}.|Put the {h} into the {b}.]", h=held, b=box)
    yield from tour.do(plan, f"move {held} to {box}", expect=f"to the {box}.")
    if not tour.fallible:
        raise Stuck("nothing could go wrong")
    return Answer(
        text=say("[The {h} is in the {b}: done.|Now the {b} holds the {h}.]", h=held, b=box),
        summary=say("[I focused on the {n} from the {w} and moved it to the {b} in the {g}.|"
                    "The {n}, found in the {w}, is in the {b} in the {g} after a focus on it.]",
                    n=name, w=where, b=box, g=goal),
    )  # fmt: skip


def _tell_lifespans(task: str, look: str, rng: random.Random) -> Player:
    """Goes outside, looks which animals are there, focuses on those asked for."""
    say, wanted = partial(phrase, rng), list(dict.fromkeys(_WHOSE.findall(task)))
    pattern = "[The animals are outside, so I must find the way there|First the way outside, where the animals are]."
    tour = Tour(rng=rng, toward=("outside",), text=say(pattern))
    tour.enter(look)
    while tour.here != "outside":
        yield from tour.walk(tour.nearest(_WHERE["animal"]))
    animals = sorted(_ANIMAL.findall(tour.things), key=_rank)
    if not animals:
        raise Stuck(tour.things)
    chosen = []
    for which in wanted:
        name = animals[0 if which == "longest" else -1]
        pattern = "[Of the {a}, the {n} has the {w} life.|There are the {a}; the {w} life is that of the {n}.]"
        tour.text = say(pattern, a=listed(sorted(animals)), n=name, w=which)
        yield from _focus(tour, name)
        chosen.append(f"the {name} has the {which} life span")
    if not tour.fallible:
        raise Stuck("nothing could go wrong")
    pattern = "[Outside, {c}; I focused on it.|Of the animals outside {c}, and I focused on it.]"
    if len(chosen) > 1:
        pattern = (
            "[Outside, {c}; I focused on both in this order.|"
            "First and last of the animals outside: {c}; I focused on them.]"
        )
    return Answer(
        text=say("[That was the last focus: done.|With this the task is done.]"),
        summary=say(pattern, c=" and ".join(chosen)),
    )


def _focus(tour: Tour, name: str) -> Moves:
    plan = tour.say("[Focus on the {n}.|The {n} it is: focus on it.]", n=name)
    yield from tour.do(plan, f"focus on {name}", expect="You focus on")
    tour.text = tour.say("[The {n} is in focus.|I focus on the {n} now.]", n=name)


def _pick(kind: str, things: str) -> tuple[str, str] | None:
    """A thing of the kind among those seen and what is carried to bring it: a plant comes with its pot.

    The same for the same sight, whatever the words drawn.
    """
    found: dict[str, tuple[str, str]] = {}  # by species, which stays while the thing grows
    if kind in ("animal", "living thing"):
        found |= {_LIVES[_rank(name)]: (name, name) for name in _once(_ANIMAL.findall(things))}
    if kind in ("plant", "living thing"):
        pots = _POT.findall(things)
        found |= {plant: (plant, pot) for pot, plant in pots if plant in _once([plant for _, plant in pots])}
    if kind == "non-living thing":
        found |= {name: (name, name) for name in _LIFELESS if len(re.findall(rf"\b{name}\b", things)) == 1}
    return found[named_rng(kind, *sorted(found)).choice(sorted(found))] if found else None


def _once(names: list[str]) -> list[str]:
    """Those of which there is one, so that its name is enough."""
    return [name for name in names if names.count(name) == 1]


def _rank(animal: str) -> int:
    """Where an animal stands from the longest to the shortest life."""
    return next(rank for rank, kind in enumerate(_LIVES) if kind in animal)


def _each(*kinds: str) -> tuple[str, ...]:
    """Each kind as it is and with all doors open."""
    return tuple(kind + simpler for kind in kinds for simpler in ("", " openDoors"))


_TOOLS = (act_tool("look around, open door to ROOM, go to ROOM, focus on THING, pick up THING, move THING to THING"),)
FIND = TextWorldFamily(
    name="science_find",
    simulator=ScienceSession,
    game="find",
    settings=_each("animal", "plant", "living-thing", "non-living-thing"),
    tools=_TOOLS,
    solve=_find,
    sure_mistakes=1,
)
LIFESPAN = TextWorldFamily(
    name="science_lifespan",
    simulator=ScienceSession,
    game="lifespan",
    settings=_each("longest-lived", "shortest-lived", "longest-lived-then-shortest-lived"),
    tools=_TOOLS,
    solve=_tell_lifespans,
    sure_mistakes=1,
)
