"""The house of ScienceWorld: its rooms read from text, and walking through them door by door."""

from __future__ import annotations

import random
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from components.agent.environment import Observation
from components.core.seeding import named_rng
from components.tasks.extra.textworlds.scene import shortest
from components.tasks.extra.textworlds.turns import Stuck, act, refusal
from components.tasks.kit.oracle import Mistake, Moves, Turn
from components.tasks.kit.wording import phrase

_ROOM = re.compile(r"\AThis (?:room|outside location) is called the ([^.]+)\.")
_DOOR = re.compile(r"^\tA door to the (.+) \(that is (open|closed)\)$", re.MULTILINE)
SHUT, NO_WAY, NOT_KNOWN = "The door is not open.", "It's not clear how to get there", "No known action matches"


@dataclass(frozen=True, kw_only=True)
class Room:
    """A room as it was last seen: what the text says is in it, and whether the door to each room next to it is open."""

    name: str
    things: str
    doors: dict[str, bool]


def read_room(text: str) -> Room:
    """The room a look around describes. Raises Stuck where the text describes none."""
    named = _ROOM.match(text)
    if named is None:
        raise Stuck(text)
    things = text.split("\nYou also see:")[0].partition("\n")[2]
    return Room(name=named[1], things=things, doors={room: state == "open" for room, state in _DOOR.findall(text)})


@dataclass(kw_only=True)
class Tour:
    """The rooms seen so far, where the player is, and `text`: what the last observation means to it.

    `toward` names rooms the player has in mind; to walk there at once, where no door leads, is a mistake it may make.
    """

    rng: random.Random
    text: str
    toward: tuple[str, ...]
    here: str = ""
    rooms: dict[str, Room] = field(default_factory=dict)
    opened: set[frozenset[str]] = field(default_factory=set)
    fallible: bool = False  # whether there was a turn that lists a mistake

    @property
    def things(self) -> str:
        """What is in the room the player is in."""
        return self.rooms[self.here].things

    def say(self, pattern: str, **slots: object) -> str:
        return phrase(self.rng, pattern, **slots)

    def enter(self, look: str) -> None:
        """Takes in the look around a room. Raises Stuck where the text is none."""
        room = read_room(look)
        self.rooms[room.name], self.here = room, room.name
        self.opened |= {frozenset((room.name, other)) for other, is_open in room.doors.items() if is_open}

    def do(
        self, plan: str, command: str, *mistakes: Mistake, expect: str
    ) -> Generator[Turn | Mistake, Observation, str]:
        """Gives a command; its observation. Raises Stuck where that does not hold `expect`."""
        self.fallible |= bool(mistakes)
        seen = (yield act(self.text, plan, command, *mistakes)).content
        if expect not in seen:
            raise Stuck(seen)
        return seen

    def walk(self, room: str, *others: Mistake) -> Moves:
        """Goes to a room by known doors, opening those that are closed; looks around where it has not been.

        `others` are further mistakes of the first turn. Raises Stuck where no known door leads there or none opens.
        """
        for following in shortest(self._doors(), self.here, {room})[1:]:
            mistakes, others = [*self._leap(), *others], ()
            door = frozenset((self.here, following))
            if door not in self.opened:
                plan = self.say("[Open the door to the {r}.|The door to the {r} is closed: open it.]", r=following)
                mistakes = [self._against_the_door(following), *mistakes]
                yield from self.do(plan, f"open door to {following}", *mistakes, expect="The door is now open")
                self.opened.add(door)
                self.text = self.say("[The door to the {r} is open now.|It opened: the {r} is free to enter.]",
                                     r=following)  # fmt: skip
                mistakes = [*self._leap()]
            plan = self.say("[Go to the {r}.|On to the {r}.|Into the {r}.]", r=following)
            yield from self.do(plan, f"go to {following}", *mistakes, expect=f"You move to the {following}.")
            self.here, self.text = following, self.say("[I am in the {r}.|This is the {r}.]", r=following)
            if following not in self.rooms:
                plan = self.say("[Look around.|See what is here.]")
                self.enter((yield from self.do(plan, "look around", expect=following)))
                self.text = self.say("[Now I see the {r}.|So this is what the {r} holds.]", r=following)
        if self.here != room:
            raise Stuck(f"no known door leads to the {room}")

    def nearest(self, ranks: dict[str, int]) -> str:
        """The room to see next: of those behind known doors the one of the lowest rank, then the nearest.

        Of several the same whatever the words drawn: a game that was won once is won along the same way.
        """
        doors = self._doors()
        unseen = sorted({other for others in doors.values() for other in others} - set(self.rooms))
        if not unseen:
            raise Stuck("every room was seen")
        named_rng(self.here, *unseen).shuffle(unseen)
        return min(unseen, key=lambda room: (ranks.get(room, len(ranks)), len(shortest(doors, self.here, {room}))))

    def _doors(self) -> dict[str, set[str]]:
        return {name: set(room.doors) for name, room in self.rooms.items()}

    def _against_the_door(self, room: str) -> Mistake:
        return refusal(
            "walks against a closed door",
            f"go to {room}",
            self.say("[Go to the {r}.|Into the {r}.]", r=room),
            self.say("[The door to the {r} is closed, so it must be opened first.|"
                     "I can't go to the {r} while its door is closed.]", r=room),
            SHUT,
        )  # fmt: skip

    def _leap(self) -> Iterator[Mistake]:
        """Walking straight to a room that no door of this one leads to."""
        far = sorted(set(self.toward) - set(self._doors().get(self.here, ())) - {self.here})
        if not far or self.here not in self.rooms:
            return
        room = self.rng.choice(far)
        yield refusal(
            "leaps to a far room",
            f"go to {room}",
            self.say("[Go straight to the {r}.|Go to the {r} at once.]", r=room),
            self.say("[No door leads from the {h} to the {r}; it takes other rooms to get there.|"
                     "The {r} is not next to the {h}: one room after the other.]", r=room, h=self.here),
            NO_WAY,
            NOT_KNOWN,
        )  # fmt: skip
