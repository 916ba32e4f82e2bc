"""How many are in it? Members of clubs joined, met and taken away, one operation at a time."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from components.tasks.cot.family import FactPuzzle
from components.tasks.cot.steps import Claim, ClaimError, Deduction, Facts, WrongClaim, check_tool, unlike
from components.tasks.kit.wording import listed, phrase

Members = frozenset[str]
_COUNT = re.compile(r"\s*count (\d{1,4})\s*", re.ASCII)
_PEOPLE = ("Ana", "Bob", "Cleo", "Dan", "Eva", "Finn", "Gil", "Hana", "Ivo", "Joe", "Kai", "Lou")
_CLUBS = (
    ("chess", "choir", "drama", "judo"),
    ("maths", "music", "art", "sport"),
    ("red", "blue", "green", "gold"),
    ("bread", "soup", "salad", "cake"),
)
_OPERATIONS: dict[str, Callable[[Members, Members], Members]] = {
    "and": Members.intersection,
    "not": Members.difference,
    "or": Members.union,
}
_RESULTS = {
    "and": "[both have {m}|in both: {m}]",
    "or": "[together they hold {m}|in one or both: {m}]",
    "not": "[without the second that leaves {m}|left of the first: {m}]",
}
_QUESTIONS = {"and": "both in {a} and in {b}", "or": "in {a} or in {b}", "not": "in {a} but not in {b}"}
_MISREAD = {
    "and": ("or", "Both are needed, one alone is not enough"),
    "or": ("and", "One of the two is enough"),
    "not": ("and", "Those in the second are taken away"),
}


class Clubs(FactPuzzle):
    """Facts: ["in", club, person], then operations from the inside out: ["do", name, left, operation, right].

    An operation's name is a number; as a claim it is written out, `(chess and choir) not drama: Ana, Bo`. It follows
    where its parts are clubs or were established before.
    """

    tool = check_tool("(a and b) not c: Name, Name, or count N; operations and, or, not")
    openings = (
        "[[Work|Go] from the inside out.|[Take|Do] one operation at a time.|The inner part comes first, then the rest.|"
        "Members first, the count at the end.|Compare the lists name by name.]"
    )
    answers = "[{n}|It is {n}.|{n} in all.|The number is {n}.]"

    @classmethod
    def draw(cls, rng: random.Random) -> Facts:
        """Three or four clubs of a few people each, two or three operations."""
        clubs = rng.sample(rng.choice(_CLUBS), rng.randint(3, 4))
        people = rng.sample(_PEOPLE, rng.randint(6, 9))
        facts: Facts = []
        for club in clubs:
            facts += [["in", club, name] for name in sorted(rng.sample(people, rng.randint(3, 5)))]
        pairs = [(clubs[0], clubs[1]), ("1", clubs[2]), ("2", clubs[-1])][: len(clubs) - 1]
        if len(clubs) == 4 and rng.random() < 0.4:  # two pairs, then one operation on both
            pairs = [(clubs[0], clubs[1]), (clubs[2], clubs[3]), ("1", "2")]
        for number, (left, right) in enumerate(pairs, start=1):
            facts.append(["do", str(number), left, rng.choice(list(_OPERATIONS)), right])
        puzzle = cls(facts)
        return facts if all(puzzle.values[name] for name, *_ in puzzle.operations) else []

    @property
    def symbols(self) -> list[str]:
        return [*{fact[1] for fact in self.facts}, *{person for _, person in self.of("in")}]

    @cached_property
    def clubs(self) -> dict[str, Members]:
        names = dict.fromkeys(club for club, _ in self.of("in"))
        return {name: frozenset(person for club, person in self.of("in") if club == name) for name in names}

    @cached_property
    def operations(self) -> list[list[str]]:
        return self.of("do")

    @cached_property
    def texts(self) -> dict[str, str]:
        """Each operation written out."""
        texts = {name: name for name in self.clubs}
        for name, left, operation, right in self.operations:
            texts[name] = _joined(texts[left], operation, texts[right])
        return texts

    @cached_property
    def values(self) -> dict[str, Members]:
        values = dict(self.clubs)
        for name, left, operation, right in self.operations:
            values[name] = _OPERATIONS[operation](values[left], values[right])
        return values

    @property
    def last(self) -> str:
        return self.operations[-1][0]

    @property
    def goal(self) -> Claim:
        return "count", len(self.values[self.last])

    def read(self, text: str) -> Claim:
        count = _COUNT.fullmatch(text)
        if count is not None:
            return "count", int(count[1])
        expression, colon, names = text.partition(":")
        if not colon:
            raise unlike(text, "a and b: Name, Name")
        people = {name.strip() for name in names.split(",")} - {"nobody", ""}
        strange = sorted(people - set(_PEOPLE))
        if strange:
            raise ClaimError(f"nobody is called {strange[0][:20]}")
        return *_split(" ".join(expression.split())), frozenset(people)

    def refute(self, claim: Claim, known: Sequence[Claim]) -> str | None:
        found = dict(self.clubs) | {_joined(*step[:3]): step[3] for step in known if step[0] != "count"}
        if claim[0] == "count":
            members = found.get(self.texts[self.last])
            if members is None:
                return "the last operation is not worked out"
            return None if len(members) == claim[1] else f"{', '.join(sorted(members))} are {len(members)}"
        left, operation, right, people = claim
        for part in (left, right):
            if part not in found:
                return f"{part} is not worked out"
        for name in sorted(people ^ _OPERATIONS[operation](found[left], found[right])):
            places = [f"{'in' if name in found[part] else 'not in'} {_nested(part)}" for part in (left, right)]
            return f"{name} is {' and '.join(places)}"
        return None

    def derive(self, rng: random.Random) -> Iterator[Deduction]:
        for name, left, operation, right in self.operations:
            one, other, members = (_people(self.values[part], "and") for part in (left, right, name))
            grounds = (
                "[one side is {a}, the other {b}|the first has {a}, the second {b}|{a} on the left, {b} on the right]"
            )
            misread, lesson = _MISREAD[operation]
            mistakes = [self._mistake(name, f"{operation} read as {misread}", left, misread, right, lesson)]
            if operation == "not":
                lesson = "The first list stays, the second goes"
                mistakes.append(self._mistake(name, "turned round", right, "not", left, lesson))
            yield Deduction(
                f"{self.texts[name]}: {_people(self.values[name])}",
                phrase(rng, grounds, a=one, b=other),
                phrase(rng, _RESULTS[operation], m=members),
                tuple(mistakes),
            )
        count, doubled = self.goal[1], len(self.values[left]) + len(self.values[right])
        because, text, lesson = (
            "the two lists add up",
            f"that makes {doubled}",
            "Whoever is in both lists is one person",
        )
        yield Deduction(
            f"count {count}",
            phrase(rng, "[the list is {m}|what is left is {m}]", m=members),
            phrase(rng, "[that makes {n}|the count is {n}|it comes to {n}]", n=count),
            (WrongClaim("counted twice", f"count {doubled}", because, text, lesson),),
        )

    def _mistake(self, name: str, called: str, left: str, operation: str, right: str, lesson: str) -> WrongClaim:
        one, other = self.values[left], self.values[right]
        wrong = _OPERATIONS[operation](one, other)
        because = f"the lists are {_people(one, 'and')}; {_people(other, 'and')}"
        claim, text = f"{self.texts[name]}: {_people(wrong)}", f"that gives {_people(wrong, 'and')}"
        return WrongClaim(called, claim, because, text, lesson)

    def prompt(self, rng: random.Random) -> str:
        lists = ". ".join(f"{name}: {_people(members)}" for name, members in self.clubs.items())
        question = phrase(rng, "[How many are|How many of them are|What is the number of people who are]")
        return f"{lists}. {question} {self._asked()}?"

    def _asked(self) -> str:
        """What is asked in words, brackets where the order would be open."""
        texts = {name: name for name in self.clubs}
        for name, left, operation, right in self.operations:
            texts[name] = f"({_QUESTIONS[operation].format(a=texts[left], b=texts[right])})"
        return texts[self.last][1:-1].replace("in (", "(")


def _people(members: Members, joint: str = ",") -> str:
    names = sorted(members)
    if not names:
        return "nobody"
    return ", ".join(names) if joint == "," else listed(names, joint)


def _nested(text: str) -> str:
    return f"({text})" if " " in text else text


def _joined(left: str, operation: str, right: str) -> str:
    return f"{_nested(left)} {operation} {_nested(right)}"


def _split(text: str) -> tuple[str, str, str]:
    """`(a and b) not c` as its parts without their own brackets. Raises ClaimError."""
    depth = 0
    for match in re.finditer(r"[()]| (and|or|not) ", text):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if match[1] and depth == 0:
            return _bare(text[: match.start()]), match[1], _bare(text[match.end() :])
    raise ClaimError(f"{text[:30]!r} has no and, or, not between two parts")


def _bare(text: str) -> str:
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text
