"""How many are in it? Members of clubs joined, met and taken away, one operation at a time."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
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
from components.tasks.kit.wording import listed, phrase

TOOL = check_tool("(a and b) not c: Name, Name, or count N; operations and, or, not")
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
    "or": Members.union,
    "not": Members.difference,
}
_MISREAD = {
    "and": ("or", "Both are needed, one alone is not enough"),
    "or": ("and", "One of the two is enough"),
    "not": ("and", "Those in the second are taken away"),
}


@dataclass(frozen=True)
class Clubs(Puzzle):
    """Facts: ["in", club, person], then operations from the inside out: ["do", name, left, operation, right].

    An operation's name is a number; as a claim it is written out, `(chess and choir) not drama: Ana, Bo`. It follows
    where its parts are clubs or were established before.
    """

    tool: ClassVar[ToolSpec] = TOOL
    facts: Facts

    @cached_property
    def clubs(self) -> dict[str, Members]:
        names = dict.fromkeys(str(fact[1]) for fact in self.facts if fact[0] == "in")
        return {name: frozenset(fact[2] for fact in self.facts if fact[:2] == ["in", name]) for name in names}

    @cached_property
    def operations(self) -> list[list[str]]:
        return [fact[1:] for fact in self.facts if fact[0] == "do"]

    @cached_property
    def texts(self) -> dict[str, str]:
        """Each operation written out."""
        texts = {name: name for name in self.clubs}
        for name, left, operation, right in self.operations:
            texts[name] = f"{_nested(texts[left])} {operation} {_nested(texts[right])}"
        return texts

    @cached_property
    def values(self) -> dict[str, Members]:
        values = dict(self.clubs)
        for name, left, operation, right in self.operations:
            values[name] = _OPERATIONS[operation](values[left], values[right])
        return values

    @property
    def goal(self) -> str:
        return self.operations[-1][0]

    def read(self, text: str) -> Claim:
        count = _COUNT.fullmatch(text)
        if count is not None:
            return "count", int(count[1])
        expression, colon, names = text.partition(":")
        if not colon:
            raise ClaimError(f"{text.strip()[:30]!r} is not like a and b: Name, Name")
        people = {name.strip() for name in names.split(",")} - {"nobody", ""}
        strange = sorted(people - set(_PEOPLE))
        if strange:
            raise ClaimError(f"nobody is called {strange[0][:20]}")
        left, operation, right = _split(" ".join(expression.split()))
        return left, operation, right, frozenset(people)

    def refute(self, claim: Claim, known: Sequence[Claim]) -> str | None:
        found = dict(self.clubs) | {_joined(*step[:3]): step[3] for step in known if step[0] != "count"}
        if claim[0] == "count":
            goal = self.texts[self.goal]
            if goal not in found:
                return "the last operation is not worked out"
            return None if len(found[goal]) == claim[1] else f"{', '.join(sorted(found[goal]))} are {len(found[goal])}"
        left, operation, right, people = claim
        for part in (left, right):
            if part not in found:
                return f"{part} is not worked out"
        members = _OPERATIONS[operation](found[left], found[right])
        for name in sorted(people ^ members):
            places = [f"{'in' if name in found[part] else 'not in'} {_nested(part)}" for part in (left, right)]
            return f"{name} is {' and '.join(places)}"
        return None

    def solves(self, answer: str, known: Sequence[Claim]) -> bool:
        numbers = re.findall(r"[0-9]+", answer)
        right = len(self.values[self.goal])
        return bool(numbers) and numbers[-1] == str(right) and ("count", right) in known

    def opening(self, rng: random.Random) -> str:
        return phrase(
            rng,
            "[[Work|Go] from the inside out.|[Take|Do] one operation at a time.|"
            "The inner part comes first, then the rest.|Members first, the count at the end.|"
            "Compare the lists name by name.]",
        )

    def answer(self, rng: random.Random) -> str:
        return phrase(rng, "[{n}|It is {n}.|{n} in all.|The number is {n}.]", n=len(self.values[self.goal]))

    def deductions(self, rng: random.Random) -> list[Deduction]:
        steps = []
        for name, left, operation, right in self.operations:
            pattern = {
                "and": "[both have {m}|in both: {m}]",
                "or": "[together they hold {m}|in one or both: {m}]",
                "not": "[without the second that leaves {m}|left of the first: {m}]",
            }[operation]
            wrong, lesson = _MISREAD[operation]
            mistakes = [
                self._mistake(name, f"{operation} read as {wrong}", left, wrong, right, lesson),
                *(
                    [self._mistake(name, "turned round", right, "not", left, "The first list stays, the second goes")]
                    if operation == "not"
                    else []
                ),
            ]
            steps.append(
                Deduction(
                    claim=f"{self.texts[name]}: {_people(self.values[name])}",
                    because=self._lists(rng, left, right),
                    text=phrase(rng, pattern, m=_people(self.values[name], "and")),
                    mistakes=tuple(mistakes),
                )
            )
        name, left, operation, right = self.operations[-1]
        count, doubled = len(self.values[name]), len(self.values[left]) + len(self.values[right])
        says = f"that makes {doubled}"
        steps.append(
            Deduction(
                claim=f"count {count}",
                because=phrase(rng, "[the list is {m}|what is left is {m}]", m=_people(self.values[name], "and")),
                text=phrase(rng, "[that makes {n}|the count is {n}|it comes to {n}]", n=count),
                mistakes=(
                    WrongClaim(
                        name="counted twice",
                        claim=f"count {doubled}",
                        because="the two lists add up",
                        text=says,
                        lesson="Whoever is in both lists is one person",
                    ),
                ),
            )
        )
        return with_real_mistakes(self, steps)

    def _lists(self, rng: random.Random, left: str, right: str) -> str:
        one, other = (_people(self.values[part], "and") for part in (left, right))
        pattern = "[one side is {a}, the other {b}|the first has {a}, the second {b}|{a} on the left, {b} on the right]"
        return phrase(rng, pattern, a=one, b=other)

    def _mistake(self, name: str, called: str, left: str, operation: str, right: str, lesson: str) -> WrongClaim:
        wrong = _OPERATIONS[operation](self.values[left], self.values[right])
        return WrongClaim(
            name=called,
            claim=f"{self.texts[name]}: {_people(wrong)}",
            because=f"the lists are {_people(self.values[left], 'and')}; {_people(self.values[right], 'and')}",
            text=f"that gives {_people(wrong, 'and')}",
            lesson=lesson,
        )

    def asked(self) -> str:
        """The question in words, brackets where the order would be open."""
        words = {"and": "both in {a} and in {b}", "or": "in {a} or in {b}", "not": "in {a} but not in {b}"}
        texts = {name: name for name in self.clubs}
        for name, left, operation, right in self.operations:
            texts[name] = words[operation].format(a=texts[left], b=texts[right])
            texts[name] = f"({texts[name]})" if name != self.goal else texts[name]
        return texts[self.goal].replace("in (", "(")


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


class Memberships:
    """Three or four clubs of a few people each, two or three operations."""

    tools: tuple[ToolSpec, ...] = (TOOL,)

    def draw(self, rng: random.Random) -> Facts:
        clubs = rng.sample(rng.choice(_CLUBS), rng.randint(3, 4))
        people = rng.sample(_PEOPLE, rng.randint(6, 9))
        facts: Facts = []
        for club in clubs:
            members = rng.sample(people, rng.randint(3, 5))
            facts += [["in", club, name] for name in sorted(members)]
        done = clubs[0]
        if len(clubs) == 4 and rng.random() < 0.4:  # two pairs, then one operation on both
            facts.append(["do", "1", clubs[0], rng.choice(sorted(_OPERATIONS)), clubs[1]])
            facts.append(["do", "2", clubs[2], rng.choice(sorted(_OPERATIONS)), clubs[3]])
            facts.append(["do", "3", "1", rng.choice(sorted(_OPERATIONS)), "2"])
        else:
            for number, club in enumerate(clubs[1:], start=1):
                facts.append(["do", str(number), done, rng.choice(sorted(_OPERATIONS)), club])
                done = str(number)
        clubs_ = Clubs(facts)
        return facts if all(clubs_.values[name] for name, *_ in clubs_.operations) else []

    def symbols(self, facts: Facts) -> list[str]:
        return [*{fact[1] for fact in facts}, *{fact[2] for fact in facts if fact[0] == "in"}]

    def problem(self, facts: Facts) -> Clubs:
        return Clubs(facts)

    def prompt(self, rng: random.Random, facts: Facts) -> str:
        clubs = Clubs(facts)
        lists = ". ".join(f"{name}: {_people(members)}" for name, members in clubs.clubs.items())
        question = phrase(rng, "[How many are|How many of them are|What is the number of people who are]")
        return f"{lists}. {question} {clubs.asked()}?"
