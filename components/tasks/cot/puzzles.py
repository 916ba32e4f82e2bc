"""Two kinds of elimination: who has which thing, and in which order people came in."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from components.agent.messages import ToolSpec
from components.tasks.cot.elimination import Elimination, arrangements
from components.tasks.cot.steps import (
    Claim,
    Deduction,
    Facts,
    Puzzle,
    WrongClaim,
    check_tool,
    with_real_mistakes,
)
from components.tasks.kit.wording import capital, listed, phrase

ASSIGNMENT_TOOL = check_tool("NAME=THING or NAME!=THING")
ORDER_TOOL = check_tool("NAME=PLACE, NAME!=PLACE or NAME<NAME (before)")
_NAMES = ("Ada", "Ben", "Cem", "Dov", "Eli", "Fay", "Gus", "Hal", "Ida", "Jan", "Kim", "Lea", "Max", "Nia", "Oto")
_THINGS = {
    "ball": ("red", "blue", "green", "white", "black"),
    "pet": ("cat", "dog", "fish", "bird", "goat"),
    "drink": ("tea", "milk", "juice", "water", "cocoa"),
    "key": ("iron", "brass", "steel", "gold", "copper"),
}
_RACES = ("race", "queue", "show", "line")


@dataclass(frozen=True)
class WordedElimination(Elimination, Puzzle):
    """An elimination with its words."""

    def solves(self, answer: str, known: Sequence[Claim]) -> bool:
        """The last person the answer names stands at the asked place, and that was established."""
        named = [word for word in re.findall(r"\w+", answer) if word in self.people]
        return bool(named) and named[-1] == self.holder() and ("=", named[-1], self.asked) in known

    @property
    def tool(self) -> ToolSpec:
        return ORDER_TOOL if self.ordered else ASSIGNMENT_TOOL

    def opening(self, rng: random.Random) -> str:
        return phrase(
            rng,
            "[[Rule out|Strike out] what the clues forbid.|Narrow it down clue by clue.|Each clue leaves fewer places."
            "|Nobody comes in twice: what is taken is taken.|Begin where least is left.]"
            if self.ordered
            else "[[Rule out|Strike out] what the clues forbid.|Narrow it down clue by clue."
            "|Each has one and no two share.|What one has nobody else has.|Begin where least is left.]",
        )

    def answer(self, rng: random.Random) -> str:
        return phrase(rng, "[It is {name}.|{name}|The answer is {name}.]", name=self.holder())

    def deductions(self, rng: random.Random) -> list[Deduction]:
        known: list[Claim] = []
        steps = []
        for claim, clue in self.derive():
            because = self.clue_text(rng, clue) if clue else self._structure(rng, claim, known)
            steps.append(
                Deduction(
                    claim=_written(claim),
                    because=because,
                    text=self.describe(rng, claim),
                    mistakes=tuple(self._mistakes(rng, claim, known)),
                )
            )
            known.append(claim)
        return with_real_mistakes(self, steps)

    def describe(self, rng: random.Random, claim: Claim) -> str:
        sign, name, other = claim
        if self.ordered:
            patterns = {"=": "{a} [is|stands at] {b}", "!=": "{a} [is not|cannot be] {b}", "<": "{a} is before {b}"}
        else:
            patterns = {"=": "{a} has {b}", "!=": "{a} [does not have|cannot have] {b}"}
        return phrase(rng, patterns[sign], a=name, b=other)

    def clue_text(self, rng: random.Random, clue: Sequence[str]) -> str:
        """A clue in words, in the prompt and where it is used."""
        kind, *names = clue
        first, last = self.places[0], self.places[-1]
        patterns = {
            "not": "{a} [is not|did not come] {b}" if self.ordered else "{a} does not have {b}",
            "either": "{a} has [{b} or {c}|{c} or {b}]",
            "holder": "{a} [is with|belongs to] [{b} or {c}|{c} or {b}]",
            "if": "if {a} has {b}, {c} has {d}",
            "before": "[{a} is before {b}|{b} is after {a}]",
            "next": "[{a} is right before {b}|{b} is right after {a}]",
            "apart": "{a} and {b} are not side by side",
            "edge": f"{{a}} is [{first} or {last}|{last} or {first}]",
        }
        return phrase(rng, patterns[kind], **dict(zip("abcd", names, strict=False)))

    def _structure(self, rng: random.Random, claim: Claim, known: Sequence[Claim]) -> str:
        """Why a claim follows without a clue: nothing else is left, or another one is there."""
        sign, name, other = claim
        taken = next((person for kind, person, place in known if (kind, place) == ("=", other)), None)
        if sign == "!=" and taken is not None:
            return f"{taken} {'is' if self.ordered else 'has'} {other}"
        if sign == "=":
            places = {place for place in self.places if self.left(known) & self._is("=", name, place)}
            if places == {other}:
                return phrase(rng, "[nothing else is left for {n}|{n} has no other choice]", n=name)
            return phrase(rng, "[nobody else is left for {o}|no one else can take {o}]", o=other)
        return phrase(rng, "[what is known leaves no other way|nothing else fits what is known]")

    def _mistakes(self, rng: random.Random, claim: Claim, known: Sequence[Claim]) -> list[WrongClaim]:
        """Misreadings of the clues and hasty ends, of which only those are mistakes that are false in the end."""
        found = []
        for clue in self.clues:
            wrong: tuple[str, Claim, str] | None = None
            if clue[0] == "if":
                wrong = ("if turned round", ("=", clue[1], clue[2]), "An if does not run backwards")
            elif clue[0] in ("either", "edge"):
                places = clue[2:] if clue[0] == "either" else [self.places[0], self.places[-1]]
                wrong = ("or cut short", ("=", clue[1], places[0]), "One of two is not yet the first of them")
            elif clue[0] == "holder":
                wrong = ("or cut short", ("=", clue[2], clue[1]), "One of two is not yet the first of them")
            elif clue[0] in ("before", "next"):
                wrong = ("order turned round", ("<", clue[2], clue[1]), "The clue reads the other way round")
            if wrong is not None and not self.solutions & self._is(*wrong[1]):
                found.append(self._mistake(rng, *wrong, because=self.clue_text(rng, clue)))
        _, name, other = claim
        left = self.left(known)
        open_places = [
            place
            for place in self.places
            if place != other and left & self._is("=", name, place) and not self.solutions & self._is("=", name, place)
        ]
        for place in open_places[:1]:
            found.append(
                self._mistake(
                    rng,
                    "possible taken for certain",
                    ("=", name, place),
                    "What is possible is not yet certain",
                    because=f"nothing speaks against it for {name}",
                )
            )
        return found

    def _mistake(self, rng: random.Random, name: str, claim: Claim, lesson: str, *, because: str) -> WrongClaim:
        return WrongClaim(
            name=name, claim=_written(claim), because=because, text=self.describe(rng, claim), lesson=lesson
        )


def _written(claim: Claim) -> str:
    return f"{claim[1]}{claim[0]}{claim[2]}"


@dataclass(frozen=True, kw_only=True)
class Puzzles:
    """Puzzles of `smallest` to `largest` people with one arrangement that fits, and no clue that could be left out."""

    ordered: bool
    smallest: int
    largest: int

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return (ORDER_TOOL if self.ordered else ASSIGNMENT_TOOL,)

    def draw(self, rng: random.Random) -> Facts:
        size = rng.randint(self.smallest, self.largest)
        people = rng.sample(_NAMES, size)
        thing = rng.choice(sorted(_THINGS))
        places = [str(number) for number in range(1, size + 1)] if self.ordered else rng.sample(_THINGS[thing], size)
        names: Facts = [*(["person", name] for name in people), *(["place", place] for place in places)]
        solution = dict(zip(people, rng.sample(places, size), strict=True))
        asked = ["asked", rng.choice(places)]
        index = arrangements(size).index(tuple(places.index(solution[name]) for name in people))
        clues: Facts = []
        left = -1
        while left == -1 or left.bit_count() > 1:
            if len(clues) > 2 * size:
                return []
            clue = self._clue(rng, people, places)
            mask = Elimination(names, self.ordered).clue_mask(clue)
            whole = (1 << len(arrangements(size))) - 1 if left == -1 else left
            if mask >> index & 1 and whole & ~mask and clue not in clues:
                clues.append(clue)
                left = whole & mask
        for clue in rng.sample(clues, len(clues)):
            rest = [other for other in clues if other is not clue]
            if Elimination([*names, *rest], self.ordered).solutions.bit_count() == 1:
                clues = rest
        return [*names, *clues, asked]

    def _clue(self, rng: random.Random, people: Sequence[str], places: Sequence[str]) -> list[str]:
        one, other = rng.sample(people, 2)
        here, there = rng.sample(places, 2)
        if self.ordered:
            kind = rng.choice(("before", "before", "next", "apart", "not", "edge"))
            named = {"not": [one, here], "edge": [one]}
            return [kind, *named.get(kind, [one, other])]
        choices = (["not", one, here], ["either", one, here, there], ["holder", here, one, other])
        return rng.choice((*choices, ["if", one, here, other, there]))

    def symbols(self, facts: Facts) -> list[str]:
        """Places of an order are no mere names: first is not last."""
        kinds = ("person",) if self.ordered else ("person", "place")
        return [str(fact[1]) for fact in facts if fact[0] in kinds]

    def problem(self, facts: Facts) -> WordedElimination:
        return WordedElimination(facts, self.ordered)

    def prompt(self, rng: random.Random, facts: Facts) -> str:
        puzzle = WordedElimination(facts, self.ordered)
        clues = " ".join(
            f"{number}. {capital(puzzle.clue_text(rng, clue))}." for number, clue in enumerate(puzzle.clues, start=1)
        )
        people = listed(sorted(puzzle.people))
        if self.ordered:
            pattern = (
                "[{people} are in a {race}.|A {race}: {people}.] {clues} [Who is number {asked}?|Who is at {asked}?]"
            )
            return phrase(rng, pattern, people=people, race=rng.choice(_RACES), clues=clues, asked=puzzle.asked)
        thing = next(name for name, kinds in _THINGS.items() if set(puzzle.places) <= set(kinds))
        pattern = (
            "[{people} each have one {thing}|One {thing} each for {people}]: {things}. {clues} "
            "[Who has {asked}?|Whose is {asked}?|To whom does {asked} belong?]"
        )
        things = listed(sorted(puzzle.places))
        return phrase(rng, pattern, people=people, thing=thing, things=things, clues=clues, asked=puzzle.asked)
