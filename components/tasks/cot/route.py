"""The shortest way through a small map, place by place as Dijkstra settles them (1959)."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise

from components.tasks.cot.family import FactPuzzle
from components.tasks.cot.steps import Claim, ClaimError, Deduction, Facts, WrongClaim, check_tool, unlike
from components.tasks.kit.wording import phrase

_CLAIM = re.compile(r"\s*(\w+) (\d{1,6}) via (\w+)\s*", re.ASCII)
_ANSWER = re.compile(r"\b(\w+(?:-\w+)+)\b[^0-9]*([0-9]{1,6})\b")
_PLACES = (
    tuple("ABCDEFGH"),
    tuple("PQRSTUVW"),
    ("Ash", "Birch", "Cedar", "Elm", "Hazel", "Larch", "Oak", "Pine"),
    ("dock", "gate", "hall", "lift", "mill", "pond", "shed", "yard"),
)


class Route(FactPuzzle):
    """Facts: ["road", place, place, length] both ways, ["from", place], ["to", place].

    A claim (place, length, via) says that the shortest way there has that length and comes from `via`. It follows
    where `via` is settled, the lengths add up, and no road out of the settled places reaches any other place sooner.
    """

    tool = check_tool("PLACE LENGTH via PLACE, nearest to the start first")
    openings = (
        "[[Settle|Take] the places nearest first, [starting|beginning] at {a}."
        "|Go on each time with the nearest place that is not settled.|Spread out from {a}, place by place."
        "|From {a} to {b}: the nearest place comes first.]"
    )
    answers = "[{way}: {n}|{way}, length {n}.|The shortest way is {way} with {n}.]"

    @classmethod
    def draw(cls, rng: random.Random) -> Facts:
        """Five to seven places: a tree so that all are reached, and a few roads more."""
        places = rng.sample(rng.choice(_PLACES), rng.randint(5, 7))
        pairs = {frozenset((places[i], places[rng.randrange(max(0, i - 3), i)])) for i in range(1, len(places))}
        for _ in range(rng.randint(2, 4)):
            pairs.add(frozenset(rng.sample(places, 2)))
        ordered = sorted(sorted(pair) for pair in pairs)
        rng.shuffle(ordered)
        facts: Facts = [["road", *rng.sample(pair, 2), rng.randint(1, 15)] for pair in ordered]
        facts += [["from", places[0]], ["to", places[-1]]]
        return facts if len(cls(facts).way) > 2 else []

    @property
    def symbols(self) -> list[str]:
        return list(self.roads)

    @cached_property
    def roads(self) -> dict[str, dict[str, int]]:
        roads: dict[str, dict[str, int]] = {}
        for one, other, length in self.of("road"):
            roads.setdefault(one, {})[other] = length
            roads.setdefault(other, {})[one] = length
        return roads

    @cached_property
    def ends(self) -> tuple[str, str]:
        """Where the way begins and where it leads."""
        return self.of("from")[0][0], self.of("to")[0][0]

    @cached_property
    def settled(self) -> list[tuple[str, int, str]]:
        """Places in the order they are settled, to the end of the way; ties by name."""
        found: list[tuple[str, int, str]] = []
        lengths = {self.ends[0]: 0}
        while self.ends[1] not in lengths:
            length, place, via = min(self._frontier(lengths))
            lengths[place] = length
            found.append((place, length, via))
        return found

    def _frontier(self, lengths: dict[str, int]) -> list[tuple[int, str, str]]:
        """(length, place, via) of every road from a settled place to one that is not."""
        return [
            (length + road, place, via)
            for via, length in lengths.items()
            for place, road in self.roads[via].items()
            if place not in lengths
        ]

    @property
    def way(self) -> list[str]:
        before = {place: via for place, _, via in self.settled}
        way = [self.ends[1]]
        while way[-1] != self.ends[0]:
            way.append(before[way[-1]])
        return way[::-1]

    @property
    def goal(self) -> Claim:
        return self.settled[-1]

    @property
    def slots(self) -> dict[str, object]:
        return {"a": self.ends[0], "b": self.ends[1], "way": "-".join(self.way), "n": self.goal[1]}

    def read(self, text: str) -> Claim:
        match = _CLAIM.fullmatch(text)
        if match is None:
            raise unlike(text, "B 5 via A")
        for place in (match[1], match[3]):
            if place not in self.roads:
                raise ClaimError(f"no place {place[:20]}")
        return match[1], int(match[2]), match[3]

    def refute(self, claim: Claim, known: Sequence[Claim]) -> str | None:
        lengths = {self.ends[0]: 0, **{place: length for place, length, _ in known}}
        place, length, via = claim
        if via not in lengths:
            return f"{via} is not settled"
        if place in lengths:
            return f"{place} is settled, at {lengths[place]}"
        road = self.roads[via].get(place)
        if road is None:
            return f"no road from {via} to {place}"
        if lengths[via] + road != length:
            return f"{lengths[via]} + {road} is {lengths[via] + road}"
        nearest, sooner, from_place = min(self._frontier(lengths))
        return f"{sooner} is reached sooner, {nearest} via {from_place}" if nearest < length else None

    def solves(self, answer: str, known: Sequence[Claim]) -> bool:
        """The answer's last way is a real one of its length, and that length was settled for its end."""
        found = _ANSWER.findall(answer)
        if not found:
            return False
        way, length = found[-1][0].split("-"), int(found[-1][1])
        legs = [self.roads.get(one, {}).get(other) for one, other in pairwise(way)]
        real = (way[0], way[-1]) == self.ends and None not in legs
        return real and sum(leg or 0 for leg in legs) == length and any(c[:2] == (way[-1], length) for c in known)

    def derive(self, rng: random.Random) -> Iterator[Deduction]:
        lengths = {self.ends[0]: 0}
        for place, length, via in self.settled:
            slots = {"p": place, "n": length, "v": via, "a": lengths[via], "b": self.roads[via][place]}
            text = phrase(rng, "{p} [is|lies] [{n} away|at {n}] [via|by way of] {v}", **slots)
            because = phrase(
                rng,
                "[of all roads onward the one to {p} [ends|gets there] first|{p} is nearest now|"
                "no other place is sooner] [with|at] {a} + {b} = {n}",
                **slots,
            )
            mistakes = tuple(self._mistakes(place, length, via, lengths))
            yield Deduction(f"{place} {length} via {via}", because, text, mistakes)
            lengths[place] = length

    def _mistakes(self, place: str, length: int, via: str, lengths: dict[str, int]) -> Iterator[WrongClaim]:
        """Wrong lengths of this place and of others; a right one that only comes too early is no mistake."""

        def wrong(name: str, place: str, length: int, via: str, because: str, lesson: str) -> WrongClaim:
            return WrongClaim(name, f"{place} {length} via {via}", because, f"{place} is at {length} via {via}", lesson)

        final, road = {place: length for place, length, _ in self.settled}, self.roads[via][place]
        because, lesson = f"the road from {via} is {road} long", "The way up to there counts too"
        yield wrong("last road alone", place, road, via, because, lesson)
        for reached, other, start in sorted(self._frontier(lengths)):
            because = f"a road leads there from {start}"
            if other == place and reached > length:
                lesson = "There is a shorter way to the same place"
                yield wrong("longer way", place, reached, start, because, lesson)
            elif reached > final.get(other, reached):
                lesson = "A nearer place comes first and opens a shorter way"
                yield wrong("out of turn", other, reached, start, because, lesson)

    def prompt(self, rng: random.Random) -> str:
        return phrase(
            rng,
            "[Roads|Paths|Lines] and their [lengths|minutes]: {roads}. "
            "[What is the shortest way from {a} to {b}?|Find the shortest way from {a} to {b}.|"
            "How does one get from {a} to {b} soonest?] Name it and its length, like {a}-X-{b}: 99.",
            roads=", ".join(f"{one}-{other} {length}" for one, other, length in self.of("road")),
            **self.slots,
        )
