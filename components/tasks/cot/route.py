"""The shortest way through a small map, place by place as Dijkstra settles them (1959)."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import ClassVar

from components.agent.messages import ToolSpec
from components.tasks.cot.steps import (
    Claim,
    ClaimError,
    Deduction,
    Facts,
    Puzzle,
    WrongClaim,
    check_tool,
    with_real_mistakes,
)
from components.tasks.kit.wording import phrase

TOOL = check_tool("PLACE LENGTH via PLACE, nearest to the start first")
_CLAIM = re.compile(r"\s*(\w+) (\d{1,6}) via (\w+)\s*", re.ASCII)
_ANSWER = re.compile(r"\b(\w+(?:-\w+)+)\b[^0-9]*([0-9]{1,6})\b")
_PLACES = (
    tuple("ABCDEFGH"),
    tuple("PQRSTUVW"),
    ("Ash", "Birch", "Cedar", "Elm", "Hazel", "Larch", "Oak", "Pine"),
    ("dock", "gate", "hall", "lift", "mill", "pond", "shed", "yard"),
)


@dataclass(frozen=True)
class Route(Puzzle):
    """Facts: ["road", place, place, length] both ways, ["from", place], ["to", place].

    A claim (place, length, via) says that the shortest way there has that length and comes from `via`. It follows
    where `via` is settled, the lengths add up, and no road out of the settled places reaches any other place sooner.
    """

    tool: ClassVar[ToolSpec] = TOOL
    facts: Facts

    @cached_property
    def roads(self) -> dict[str, dict[str, int]]:
        roads: dict[str, dict[str, int]] = {}
        for fact in self.facts:
            if fact[0] == "road":
                roads.setdefault(fact[1], {})[fact[2]] = fact[3]
                roads.setdefault(fact[2], {})[fact[1]] = fact[3]
        return roads

    @property
    def origin(self) -> str:
        return next(str(fact[1]) for fact in self.facts if fact[0] == "from")

    @property
    def goal(self) -> str:
        return next(str(fact[1]) for fact in self.facts if fact[0] == "to")

    @cached_property
    def settled(self) -> list[tuple[str, int, str]]:
        """Places in the order they are settled, to the goal; ties by name."""
        found: list[tuple[str, int, str]] = []
        lengths = {self.origin: 0}
        while self.goal not in lengths:
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
        way = [self.goal]
        while way[-1] != self.origin:
            way.append(before[way[-1]])
        return way[::-1]

    def read(self, text: str) -> Claim:
        match = _CLAIM.fullmatch(text)
        if match is None:
            raise ClaimError(f"{text.strip()[:30]!r} is not like B 5 via A")
        for place in (match[1], match[3]):
            if place not in self.roads:
                raise ClaimError(f"no place {place[:20]}")
        return match[1], int(match[2]), match[3]

    def refute(self, claim: Claim, known: Sequence[Claim]) -> str | None:
        lengths = {self.origin: 0, **{place: length for place, length, _ in known}}
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
        """The answer's last way is a real one of its length, and that length was settled for the goal."""
        found = _ANSWER.findall(answer)
        if not found:
            return False
        way, length = found[-1][0].split("-"), int(found[-1][1])
        legs = [self.roads.get(one, {}).get(other) for one, other in pairwise(way)]
        real = (way[0], way[-1]) == (self.origin, self.goal) and None not in legs
        return real and sum(leg or 0 for leg in legs) == length and any(c[:2] == (self.goal, length) for c in known)

    def opening(self, rng: random.Random) -> str:
        return phrase(
            rng,
            "[[Settle|Take] the places nearest first, [starting|beginning] at {origin}."
            "|Go on each time with the nearest place that is not settled.|Spread out from {origin}, place by place."
            "|From {origin} to {goal}: the nearest place comes first.]",
            origin=self.origin,
            goal=self.goal,
        )

    def answer(self, rng: random.Random) -> str:
        slots = {"way": "-".join(self.way), "n": self.settled[-1][1]}
        return phrase(rng, "[{way}: {n}|{way}, length {n}.|The shortest way is {way} with {n}.]", **slots)

    def deductions(self, rng: random.Random) -> list[Deduction]:
        lengths, final = {self.origin: 0}, {place: length for place, length, _ in self.settled}
        steps = []
        for place, length, via in self.settled:
            road = self.roads[via][place]
            says = phrase(rng, "{p} [is|lies] [{n} away|at {n}] [via|by way of] {v}", p=place, n=length, v=via)
            because = phrase(
                rng,
                "[of all roads onward the one to {p} [ends|gets there] first|{p} is nearest now|"
                "no other place is sooner] [with|at] {a} + {b} = {n}",
                p=place, a=lengths[via], b=road, n=length,
            )  # fmt: skip
            mistakes = self._mistakes(place, length, via, lengths, final)
            steps.append(Deduction(claim=f"{place} {length} via {via}", because=because, text=says, mistakes=mistakes))
            lengths[place] = length
        return with_real_mistakes(self, steps)

    def _mistakes(
        self, place: str, length: int, via: str, lengths: dict[str, int], final: dict[str, int]
    ) -> tuple[WrongClaim, ...]:
        """Wrong lengths of this place and of others; a right one that only comes too early is no mistake."""
        because = f"the road from {via} is {self.roads[via][place]} long"
        lesson = "The way up to there counts too"
        found = [_mistake("last road alone", place, self.roads[via][place], via, because, lesson)]
        for reached, other, start in sorted(self._frontier(lengths)):
            because = f"a road leads there from {start}"
            if other == place and reached > length:
                lesson = "There is a shorter way to the same place"
                found.append(_mistake("longer way", place, reached, start, because, lesson))
            elif reached > final.get(other, reached):
                lesson = "A nearer place comes first and opens a shorter way"
                found.append(_mistake("out of turn", other, reached, start, because, lesson))
        return tuple(found)


def _mistake(name: str, place: str, length: int, via: str, because: str, lesson: str) -> WrongClaim:
    says = f"{place} is at {length} via {via}"
    return WrongClaim(name=name, claim=f"{place} {length} via {via}", because=because, text=says, lesson=lesson)


class Routes:
    """Five to seven places: a tree so that all are reached, and a few roads more."""

    tools: tuple[ToolSpec, ...] = (TOOL,)

    def draw(self, rng: random.Random) -> Facts:
        places = rng.sample(rng.choice(_PLACES), rng.randint(5, 7))
        pairs = {frozenset((places[i], places[rng.randrange(max(0, i - 3), i)])) for i in range(1, len(places))}
        for _ in range(rng.randint(2, 4)):
            pairs.add(frozenset(rng.sample(places, 2)))
        ordered = sorted(sorted(pair) for pair in pairs)
        rng.shuffle(ordered)
        facts: Facts = [["road", *rng.sample(pair, 2), rng.randint(1, 15)] for pair in ordered]
        facts += [["from", places[0]], ["to", places[-1]]]
        return facts if len(Route(facts).way) > 2 else []

    def symbols(self, facts: Facts) -> list[str]:
        return list(Route(facts).roads)

    def problem(self, facts: Facts) -> Route:
        return Route(facts)

    def prompt(self, rng: random.Random, facts: Facts) -> str:
        route = Route(facts)
        roads = [f"{fact[1]}-{fact[2]} {fact[3]}" for fact in facts if fact[0] == "road"]
        return phrase(
            rng,
            "[Roads|Paths|Lines] and their [lengths|minutes]: {roads}. "
            "[What is the shortest way from {a} to {b}?|Find the shortest way from {a} to {b}.|"
            "How does one get from {a} to {b} soonest?] Name it and its length, like {a}-X-{b}: 99.",
            roads=", ".join(roads), a=route.origin, b=route.goal,
        )  # fmt: skip
