"""What a room looks like, read from the words TextWorldExpress describes it with."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from components.tasks.extra.textworlds.turns import Stuck

OPPOSITE = {"north": "south", "south": "north", "east": "west", "west": "east"}
_ROOM = re.compile(r"\AYou are in the ([^.]+)\.")
_CLOSED = re.compile(r"\bTo the (\w+) you see a closed ([^.]+)\.")
_BEYOND = re.compile(r"\b[Tt]o the (\w+) you see the ([^.]+)\.")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A room: what lies beyond each open way, and the door that closes each closed one, by direction."""

    room: str
    beyond: dict[str, str]
    closed: dict[str, str]


def read_scene(text: str) -> Scene:
    """The room a text describes. Raises Stuck where it describes none."""
    room = _ROOM.match(text)
    if room is None:
        raise Stuck(text)
    return Scene(
        room=room[1],
        beyond={way.lower(): name for way, name in _BEYOND.findall(text)},
        closed={way.lower(): door for way, door in _CLOSED.findall(text)},
    )


@dataclass(kw_only=True)
class Places:
    """The rooms seen so far."""

    scenes: dict[str, Scene] = field(default_factory=dict)
    here: str = ""

    def enter(self, scene: Scene) -> None:
        self.scenes[scene.room], self.here = scene, scene.room

    def opened(self, way: str, beyond: str) -> None:
        """The door this way was opened and shows a room."""
        scene = self.scenes[self.here]
        closed = {other: door for other, door in scene.closed.items() if other != way}
        self.scenes[self.here] = Scene(room=scene.room, beyond={**scene.beyond, way: beyond}, closed=closed)

    def way_to(self, targets: set[str]) -> list[str]:
        """The shortest list of directions from here to one of `targets` through rooms seen; [] where there is none."""
        graph = {name: scene.beyond for name, scene in self.scenes.items()}
        rooms = shortest({name: set(ways.values()) for name, ways in graph.items()}, self.here, targets)
        return [
            next(way for way, name in graph[room].items() if name == following) for room, following in pairwise(rooms)
        ]


def shortest(graph: Mapping[str, set[str]], start: str, targets: set[str]) -> list[str]:
    """The rooms of a shortest path from `start` to one of `targets`, both included; [] where there is none."""
    paths = {start: [start]}
    queue = deque([start])
    while queue:
        room = queue.popleft()
        if room in targets:
            return paths[room]
        for following in sorted(graph.get(room, set()) - set(paths)):
            paths[following] = [*paths[room], following]
            queue.append(following)
    return []
