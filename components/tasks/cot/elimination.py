"""Who stands where? Facts about a one-to-one arrangement, narrowed down by one clue at a time.

All arrangements of n people are enumerated once; a clue and a claim are sets of arrangements, as bit masks. A claim
follows where every arrangement that fits what is known and at most one clue fits the claim too.
"""

from __future__ import annotations

import operator
import random
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, reduce
from typing import ClassVar

from components.tasks.cot.arrangements import Mask, arrangements, atom
from components.tasks.cot.family import FactPuzzle
from components.tasks.cot.steps import Claim, ClaimError, Deduction, Facts, WrongClaim, unlike
from components.tasks.kit.wording import capital, listed, phrase

_CLAIM = re.compile(r"\s*(\w+)\s*(=|!=|<)\s*(\w+)\s*", re.ASCII)
_NAMES = ("Ada", "Ben", "Cem", "Dov", "Eli", "Fay", "Gus", "Hal", "Ida", "Jan", "Kim", "Lea", "Max", "Nia", "Oto")
_BETWEEN_PEOPLE = ("<", "next", "apart")
_MISREAD = {  # clues by their kind: the name of the mistake and its lesson
    "if": ("if turned round", "An if does not run backwards"),
    **dict.fromkeys(("either", "edge", "holder"), ("or cut short", "One of two is not yet the first of them")),
    **dict.fromkeys(("before", "next"), ("order turned round", "The clue reads the other way round")),
}


class Elimination(FactPuzzle):
    """Facts: ["person", name], ["place", name] in order, clues, ["asked", place].

    Clues: ["not", person, place], ["either", person, place, place], ["holder", place, person, person],
    ["if", person, place, person, place], ["before" | "next" | "apart", person, person], ["edge", person].
    """

    sizes: ClassVar[tuple[int, int]]  # the fewest people and the most
    kinds: ClassVar[dict[str, tuple[str, ...]]]  # what the places are, and their names
    ordered: ClassVar[bool]  # whether places follow each other, so that their names mean something
    form: ClassVar[str]
    verb: ClassVar[str]
    claims: ClassVar[dict[str, str]]  # patterns for a claim, by its sign
    clue_texts: ClassVar[dict[str, str]]  # patterns for a clue, by its kind
    prompts: ClassVar[str]
    answers = "[It is {name}.|{name}|The answer is {name}.]"

    @classmethod
    def draw(cls, rng: random.Random) -> Facts:
        """One arrangement that fits, and no clue that could be left out."""
        size = rng.randint(*cls.sizes)
        people = rng.sample(_NAMES, size)
        names = cls.kinds[rng.choice(sorted(cls.kinds))]
        places = list(names[:size]) if cls.ordered else rng.sample(names, size)
        given: Facts = [*(["person", name] for name in people), *(["place", place] for place in places)]
        index = arrangements(size).index(tuple(places.index(place) for place in rng.sample(places, size)))
        asked = ["asked", rng.choice(places)]
        clues: Facts = []
        empty = cls(given)
        left = empty.everything
        while left.bit_count() > 1:
            if len(clues) > 2 * size:
                return []
            clue = cls.draw_clue(rng, *rng.sample(people, 2), *rng.sample(places, 2))
            mask = empty.clue_mask(clue)
            if mask >> index & 1 and left & ~mask and clue not in clues:
                clues.append(clue)
                left &= mask
        for clue in rng.sample(clues, len(clues)):
            rest = [other for other in clues if other is not clue]
            if cls([*given, *rest]).solutions.bit_count() == 1:
                clues = rest
        return [*given, *clues, asked]

    @classmethod
    @abstractmethod
    def draw_clue(cls, rng: random.Random, one: str, other: str, here: str, there: str) -> list[str]:
        """A clue about two people and two places, true or not."""

    @property
    def symbols(self) -> list[str]:
        return self.people if self.ordered else [*self.people, *self.places]

    @cached_property
    def people(self) -> list[str]:
        return [name for (name,) in self.of("person")]

    @cached_property
    def places(self) -> list[str]:
        return [name for (name,) in self.of("place")]

    @cached_property
    def clues(self) -> list[list[str]]:
        return [fact for fact in self.facts if fact[0] not in ("person", "place", "asked")]

    @property
    def asked(self) -> str:
        return str(self.of("asked")[0][0])

    @cached_property
    def everything(self) -> Mask:
        return (1 << len(arrangements(len(self.people)))) - 1

    def mask(self, kind: str, person: str, other: str) -> Mask:
        values = self.people if kind in _BETWEEN_PEOPLE else self.places
        return atom(len(self.people), kind, self.people.index(person), values.index(other))

    def atoms(self, clue: Sequence[str]) -> list[tuple[str, str, str]]:
        """The claims of which a clue says that one is true at least."""
        match clue:
            case "not", person, place:
                return [("!=", person, place)]
            case "either", person, *places:
                return [("=", person, place) for place in places]
            case "holder", place, *people:
                return [("=", person, place) for person in people]
            case "if", one, here, other, there:
                return [("!=", one, here), ("=", other, there)]
            case "before", one, other:
                return [("<", one, other)]
            case "edge", person:
                return [("=", person, self.places[0]), ("=", person, self.places[-1])]
        kind, one, other = clue
        return [(kind, one, other)]

    def clue_mask(self, clue: Sequence[str]) -> Mask:
        return reduce(operator.or_, (self.mask(*claim) for claim in self.atoms(clue)))

    @cached_property
    def masks(self) -> list[tuple[list[str], Mask]]:
        return [(clue, self.clue_mask(clue)) for clue in self.clues]

    def _meet(self, masks: Iterable[Mask]) -> Mask:
        return reduce(operator.and_, masks, self.everything)

    @cached_property
    def plain(self) -> Mask:
        """What the clues leave that rule one place out. They are known from the start, no step of their own."""
        return self._meet(mask for clue, mask in self.masks if clue[0] == "not")

    @cached_property
    def solutions(self) -> Mask:
        return self._meet(mask for _, mask in self.masks)

    @property
    def solution(self) -> str:
        """Who stands at the asked place in the one arrangement left."""
        places = arrangements(len(self.people))[self.solutions.bit_length() - 1]
        return self.people[places.index(self.places.index(self.asked))]

    @property
    def goal(self) -> Claim:
        return "=", self.solution, self.asked

    @property
    def slots(self) -> dict[str, object]:
        return {"name": self.solution}

    def answered(self, answer: str) -> list[str]:
        return [word for word in re.findall(r"\w+", answer) if word in self.people]

    def read(self, text: str) -> Claim:
        match = _CLAIM.fullmatch(text)
        if match is None or match[2] not in self.claims:
            raise unlike(text, self.form)
        name, sign, other = match.groups()
        if name not in self.people or other not in (self.people if sign == "<" else self.places) or name == other:
            raise ClaimError(f"{text.strip()[:30]!r} names something unknown")
        return sign, name, other

    def left(self, known: Sequence[Claim]) -> Mask:
        """Arrangements that fit the plain facts and what was established."""
        return self.plain & self._meet(self.mask(*claim) for claim in known)

    def ground(self, claim: Claim, left: Mask) -> list[str] | None:
        """The clue by which the claim follows from what is left: [] if none is needed, None if none will do."""
        mask = self.mask(*claim)
        if not left & ~mask:
            return []
        return next((clue for clue, allowed in self.masks if not left & allowed & ~mask), None)

    def refute(self, claim: Claim, known: Sequence[Claim]) -> str | None:
        left, mask = self.left(known), self.mask(*claim)
        if self.ground(claim, left) is not None:
            return None
        against = next((number for number, (_, allowed) in enumerate(self.masks) if not left & allowed & mask), None)
        if against is not None:
            return f"against clue {against + 1}"
        other = left & ~mask & self.solutions
        if not other:
            return "it takes more than one clue; say what lies between"
        places = arrangements(len(self.people))[other.bit_length() - 1]
        fits = ", ".join(f"{name}={self.places[place]}" for name, place in zip(self.people, places, strict=True))
        return f"{fits} fits too"

    def path(self) -> list[tuple[Claim, list[str]]]:
        """Claims with their clues, up to who stands at the asked place, none of them without use; [] if stuck."""
        known: list[Claim] = []
        while self.goal not in known:
            left = self.left(known)
            steps = [self.goal] if self.ground(self.goal, left) is not None else self._next(left)
            if not steps:
                return []
            known.append(steps[0])
        for index in reversed(range(len(known) - 1)):
            shorter = known[:index] + known[index + 1 :]
            if self._grounds(shorter) is not None:
                known = shorter
        return self._grounds(known) or []

    def _next(self, left: Mask) -> list[Claim]:
        """Claims that say something new and follow now, the least telling first: a chain in small steps."""
        claims = [
            (sign, name, other)
            for sign in self.claims
            for name in self.people
            for other in (self.people if sign == "<" else self.places)
            if name != other
        ]
        new = [claim for claim in claims if left & ~self.mask(*claim) and self.ground(claim, left) is not None]
        return sorted(new, key=lambda claim: -(left & self.mask(*claim)).bit_count())

    def _grounds(self, claims: Sequence[Claim]) -> list[tuple[Claim, list[str]]] | None:
        """Each claim with the clue it follows by from those before it; None where one does not follow."""
        left, found = self.plain, []
        for claim in claims:
            ground = self.ground(claim, left)
            if ground is None:
                return None
            found.append((claim, ground))
            left &= self.mask(*claim)
        return found

    def derive(self, rng: random.Random) -> Iterator[Deduction]:
        known: list[Claim] = []
        for claim, clue in self.path():
            because = self.clue_text(rng, clue) if clue else self._structure(rng, claim, known)
            yield Deduction(
                _written(claim), because, self.claim_text(rng, claim), tuple(self._mistakes(rng, claim, known))
            )
            known.append(claim)

    def claim_text(self, rng: random.Random, claim: Claim) -> str:
        sign, name, other = claim
        return phrase(rng, self.claims[sign], a=name, b=other)

    def clue_text(self, rng: random.Random, clue: Sequence[str]) -> str:
        """A clue in words, in the prompt and where it is used."""
        kind, *names = clue
        slots = dict(zip("abcd", names, strict=False))
        return phrase(rng, self.clue_texts[kind], first=self.places[0], last=self.places[-1], **slots)

    def _structure(self, rng: random.Random, claim: Claim, known: Sequence[Claim]) -> str:
        """Why a claim follows without a clue: nothing else is left, or another one is there."""
        sign, name, other = claim
        taken = next((person for kind, person, place in known if (kind, place) == ("=", other)), None)
        if sign == "!=" and taken is not None:
            return f"{taken} {self.verb} {other}"
        if sign == "=":
            places = {place for place in self.places if self.left(known) & self.mask("=", name, place)}
            if places == {other}:
                return phrase(rng, "[nothing else is left for {n}|{n} has no other choice]", n=name)
            return phrase(rng, "[nobody else is left for {o}|no one else can take {o}]", o=other)
        return phrase(rng, "[what is known leaves no other way|nothing else fits what is known]")

    def _mistakes(self, rng: random.Random, claim: Claim, known: Sequence[Claim]) -> Iterator[WrongClaim]:
        """Misreadings of the clues and hasty ends, of which only those are mistakes that are false in the end."""

        def wrong(name: str, claim: Claim, because: str, lesson: str) -> WrongClaim:
            return WrongClaim(name, _written(claim), because, self.claim_text(rng, claim), lesson)

        for clue in self.clues:
            if clue[0] not in _MISREAD:
                continue
            name, lesson = _MISREAD[clue[0]]
            _, one, other = self.atoms(clue)[0]
            misread = ("<", other, one) if clue[0] in ("before", "next") else ("=", one, other)
            if not self.solutions & self.mask(*misread):
                yield wrong(name, misread, self.clue_text(rng, clue), lesson)
        _, person, right = claim
        for place in self.places:
            guess = self.mask("=", person, place)
            if place != right and self.left(known) & guess and not self.solutions & guess:
                because, lesson = f"nothing speaks against it for {person}", "What is possible is not yet certain"
                yield wrong("possible taken for certain", ("=", person, place), because, lesson)
                return

    def prompt(self, rng: random.Random) -> str:
        clues = " ".join(
            f"{number}. {capital(self.clue_text(rng, clue))}." for number, clue in enumerate(self.clues, start=1)
        )
        people, places = listed(sorted(self.people)), listed(sorted(self.places))
        kinds = [kind for kind, names in self.kinds.items() if set(self.places) <= set(names)]
        kind = rng.choice(kinds) if self.ordered else kinds[0]
        return phrase(rng, self.prompts, people=people, places=places, kind=kind, clues=clues, asked=self.asked)


def _written(claim: Claim) -> str:
    return f"{claim[1]}{claim[0]}{claim[2]}"
