"""Who stands where? Facts about a one-to-one arrangement, narrowed down by one clue at a time.

All arrangements of n people are enumerated once; a clue and a claim are sets of arrangements, as bit masks. A claim
follows where every arrangement that fits what is known and at most one clue fits the claim too.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from components.tasks.cot.steps import Claim, ClaimError, Facts

Mask = int
_CLAIM = re.compile(r"\s*(\w+)\s*(=|!=|<)\s*(\w+)\s*", re.ASCII)
# Clues that name one person and rule places out are plain facts: known from the start, no step of their own.
_PLAIN = ("not",)


@lru_cache(maxsize=8)
def arrangements(size: int) -> tuple[tuple[int, ...], ...]:
    """Every arrangement: the place of each person."""
    return tuple(itertools.permutations(range(size)))


@lru_cache(maxsize=4096)
def atom(size: int, kind: str, one: int, other: int) -> Mask:
    """Arrangements in which person `one` stands at place `other` (=), not there (!=), before person `other` (<)."""
    tests: dict[str, Callable[[tuple[int, ...]], bool]] = {
        "=": lambda places: places[one] == other,
        "!=": lambda places: places[one] != other,
        "<": lambda places: places[one] < places[other],
        "next": lambda places: places[other] - places[one] == 1,
        "apart": lambda places: abs(places[one] - places[other]) > 1,
    }
    test = tests[kind]
    return sum(1 << index for index, places in enumerate(arrangements(size)) if test(places))


@dataclass(frozen=True)
class Elimination:
    """Facts: ["person", name], ["place", name] in order, clues, ["asked", place].

    Clues: ["not", person, place], ["either", person, place, place], ["holder", place, person, person],
    ["if", person, place, person, place], ["before" | "next" | "apart", person, person], ["edge", person].
    """

    facts: Facts
    ordered: bool

    @cached_property
    def people(self) -> list[str]:
        return [str(fact[1]) for fact in self.facts if fact[0] == "person"]

    @cached_property
    def places(self) -> list[str]:
        return [str(fact[1]) for fact in self.facts if fact[0] == "place"]

    @cached_property
    def clues(self) -> list[list[str]]:
        return [fact for fact in self.facts if fact[0] not in ("person", "place", "asked")]

    @property
    def asked(self) -> str:
        return next(str(fact[1]) for fact in self.facts if fact[0] == "asked")

    @cached_property
    def everything(self) -> Mask:
        return (1 << len(arrangements(len(self.people)))) - 1

    def _is(self, kind: str, person: str, other: str) -> Mask:
        values = self.people if kind in ("<", "next", "apart") else self.places
        return atom(len(self.people), kind, self.people.index(person), values.index(other))

    def clue_mask(self, clue: Sequence[str]) -> Mask:
        kind, *names = clue
        match kind:
            case "not":
                return self._is("!=", names[0], names[1])
            case "either":
                return self._is("=", names[0], names[1]) | self._is("=", names[0], names[2])
            case "holder":
                return self._is("=", names[1], names[0]) | self._is("=", names[2], names[0])
            case "if":
                return self._is("!=", names[0], names[1]) | self._is("=", names[2], names[3])
            case "before":
                return self._is("<", names[0], names[1])
            case "edge":
                return self._is("=", names[0], self.places[0]) | self._is("=", names[0], self.places[-1])
        return self._is(kind, names[0], names[1])

    @cached_property
    def masks(self) -> list[tuple[list[str], Mask]]:
        return [(clue, self.clue_mask(clue)) for clue in self.clues]

    @cached_property
    def plain(self) -> Mask:
        """What the plain facts leave."""
        left = self.everything
        for clue, mask in self.masks:
            if clue[0] in _PLAIN:
                left &= mask
        return left

    @cached_property
    def solutions(self) -> Mask:
        left = self.everything
        for _, mask in self.masks:
            left &= mask
        return left

    def holder(self) -> str:
        """Who stands at the asked place in the one arrangement left."""
        places = arrangements(len(self.people))[self.solutions.bit_length() - 1]
        return self.people[places.index(self.places.index(self.asked))]

    def read(self, text: str) -> Claim:
        match = _CLAIM.fullmatch(text)
        if match is None or (match[2] == "<" and not self.ordered):
            form = "Ann=2, Ann!=2 or Ann<Ben" if self.ordered else "Ann=red or Ann!=red"
            raise ClaimError(f"{text.strip()[:30]!r} is not like {form}")
        name, sign, other = match.groups()
        values = self.people if sign == "<" else self.places
        if name not in self.people or other not in values or (sign == "<" and name == other):
            raise ClaimError(f"{text.strip()[:30]!r} names something unknown")
        return sign, name, other

    def left(self, known: Sequence[Claim]) -> Mask:
        """Arrangements that fit the plain facts and what was established."""
        left = self.plain
        for claim in known:
            left &= self._is(*claim)
        return left

    def ground(self, claim: Claim, left: Mask) -> list[str] | None:
        """The clue by which the claim follows from what is left: [] if none is needed, None if none will do."""
        mask = self._is(*claim)
        if not left & ~mask:
            return []
        return next((clue for clue, allowed in self.masks if not left & allowed & ~mask), None)

    def refute(self, claim: Claim, known: Sequence[Claim]) -> str | None:
        left, mask = self.left(known), self._is(*claim)
        if self.ground(claim, left) is not None:
            return None
        against = next((number for number, (_, allowed) in enumerate(self.masks) if not left & allowed & mask), None)
        if against is not None:
            return f"against clue {against + 1}"
        other = left & ~mask
        for _, allowed in self.masks:
            other &= allowed
        if not other:
            return "it takes more than one clue; say what lies between"
        places = arrangements(len(self.people))[other.bit_length() - 1]
        fits = ", ".join(f"{name}={self.places[place]}" for name, place in zip(self.people, places, strict=True))
        return f"{fits} fits too"

    def derive(self) -> list[tuple[Claim, list[str]]]:
        """Claims with their clues, up to who stands at the asked place, none of them without use; [] if stuck."""
        goal: Claim = ("=", self.holder(), self.asked)
        known: list[Claim] = []
        while goal not in known:
            left = self.left(known)
            steps = [goal] if self.ground(goal, left) is not None else self._next(left)
            if not steps:
                return []
            known.append(steps[0])
        for index in reversed(range(len(known) - 1)):
            shorter = known[:index] + known[index + 1 :]
            if self._sound(shorter):
                known = shorter
        left, found = self.plain, []
        for claim in known:
            found.append((claim, self.ground(claim, left) or []))
            left &= self._is(*claim)
        return found

    def _next(self, left: Mask) -> list[Claim]:
        """Claims that say something new and follow now, the least telling first: a chain in small steps."""
        signs: list[tuple[str, list[str]]] = [("=", self.places), ("!=", self.places)]
        if self.ordered:
            signs.append(("<", self.people))
        claims = [
            (sign, name, other) for sign, others in signs for name in self.people for other in others if name != other
        ]
        new = [claim for claim in claims if left & ~self._is(*claim) and self.ground(claim, left) is not None]
        return sorted(new, key=lambda claim: -(left & self._is(*claim)).bit_count())

    def _sound(self, claims: Sequence[Claim]) -> bool:
        left = self.plain
        for claim in claims:
            if self.ground(claim, left) is None:
                return False
            left &= self._is(*claim)
        return True
