"""On which day? Chains of dates: days and weeks later or earlier, the next weekday, the end of a month."""

from __future__ import annotations

import calendar
import random
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

from components.tasks.cot.family import FactPuzzle
from components.tasks.cot.steps import Claim, ClaimError, Deduction, Facts, WrongClaim, check_tool, unlike
from components.tasks.kit.wording import capital, phrase

_CLAIM = re.compile(r"\s*(\w+) (\d{4}-\d{2}-\d{2})\s*", re.ASCII)
_EVENTS = (
    ("order", "invoice", "delivery", "payment", "reminder", "audit"),
    ("sowing", "sprouting", "planting", "bloom", "harvest", "fair"),
    ("draft", "review", "print", "launch", "party", "sequel"),
    ("exam", "grading", "notice", "appeal", "hearing", "verdict"),
)
WEEKDAYS = tuple(calendar.day_name)
_DAY = timedelta(days=1)
_FACTS = {
    "on": "[{e} [is|was] on {b}|the {e} falls on {b}]",
    "later": "{e} [is|comes|follows] {n} {u} after {b}",
    "earlier": "{e} [is|comes|was] {n} {u} before {b}",
    "weekday": "{e} is on the first {n} after {b}",
    "month_end": "{e} is on the last day of {b}'s month",
}


class Dates(FactPuzzle):
    """Facts: ["on", event, date], then a chain: ["later" | "earlier", event, before, n, "days" | "weeks"],
    ["weekday", event, before, day] the first such day after it, ["month_end", event, before]."""

    tool = check_tool("EVENT YYYY-MM-DD")
    openings = (
        "[[Go|Work] from one date to the next.|Each date [hangs on|follows from] the one before it."
        "|[Mind|Watch] the lengths of the months.|Start at {first} and go on to {e}."
        "|Dates in a chain, {e} at its end.]"
    )
    answers = "[{d}|It is {d}.|The {e} is on {d}.|On {d}.]"
    answer_form = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

    @classmethod
    def draw(cls, rng: random.Random) -> Facts:
        """Three to five steps from a date between 1996 and 2031."""
        names = rng.choice(_EVENTS)
        events = [names[index] for index in sorted(rng.sample(range(len(names)), rng.randint(4, 6)))]
        base = date(1996, 1, 1) + timedelta(days=rng.randrange(36 * 365))
        facts: Facts = [["on", events[0], base.isoformat()]]
        for before, event in pairwise(events):
            kind = rng.choice(("later", "later", "later", "earlier", "weekday", "month_end"))
            rest: list[object] = []
            if kind == "weekday":
                rest = [rng.choice(WEEKDAYS)]
            elif kind != "month_end":
                unit = rng.choice(("days", "weeks"))
                rest = [rng.randint(2, 60) if unit == "days" else rng.randint(2, 9), unit]
            facts.append([kind, event, before, *rest])
        return facts

    @property
    def symbols(self) -> list[str]:
        return [fact[1] for fact in self.facts]

    @cached_property
    def first(self) -> dict[str, date]:
        """The event whose date is given."""
        return {self.facts[0][1]: date.fromisoformat(self.facts[0][2])}

    @cached_property
    def days(self) -> dict[str, date]:
        """The date of every event."""
        days = dict(self.first)
        for fact in self.facts[1:]:
            days[fact[1]] = _reach(fact, days[fact[2]])
        return days

    @property
    def goal(self) -> Claim:
        asked = self.facts[-1][1]
        return asked, self.days[asked]

    @property
    def slots(self) -> dict[str, object]:
        return {"first": self.facts[0][1], "e": self.goal[0], "d": self.solution}

    def read(self, text: str) -> Claim:
        match = _CLAIM.fullmatch(text)
        if match is None:
            raise unlike(text, "event 2024-05-31")
        if match[1] not in self.days or match[1] in self.first:
            raise ClaimError(f"no date to find for {match[1][:20]}")
        try:
            return match[1], date.fromisoformat(match[2])
        except ValueError:
            raise ClaimError(f"there is no {match[2]}") from None

    def refute(self, claim: Claim, known: Sequence[Claim]) -> str | None:
        event, day = claim
        fact = next(fact for fact in self.facts if fact[1] == event)
        kind, _, before, *rest = fact
        days = dict(known) | self.first
        if before not in days:
            return f"{before} has no date yet"
        start, month = days[before], calendar.month_name[days[before].month]
        if day == _reach(fact, start):
            return None
        if kind in ("later", "earlier"):
            return f"that is {abs((day - start).days)} days {'before' if day < start else 'after'} {before}"
        if kind == "month_end":
            alike = (day.year, day.month) == (start.year, start.month)
            return f"{month} goes on" if alike else f"{before} is in {month}"
        if day.weekday() != WEEKDAYS.index(rest[0]):
            return f"that is a {WEEKDAYS[day.weekday()]}"
        return f"that is not after {before}" if day <= start else f"a {rest[0]} comes sooner"

    def derive(self, rng: random.Random) -> Iterator[Deduction]:
        for fact in self.facts[1:]:
            _, event, before, *_ = fact
            day = self.days[event]
            yield Deduction(
                f"{event} {day}",
                self._because(rng, fact),
                phrase(rng, "{e} [is on|falls on|comes to] {d}", e=event, d=day),
                tuple(
                    WrongClaim(name, f"{event} {wrong}", self._because(rng, fact), f"{event} is on {wrong}", lesson)
                    for name, wrong, lesson in _mistakes(fact, self.days[before], day)
                ),
            )

    def _because(self, rng: random.Random, fact: Sequence[Any]) -> str:
        """The rule with the date it starts from, and where it helps the month it runs through."""
        kind, event, before, *rest = fact
        start, day = self.days[before], self.days[event]
        slots: dict[str, object] = dict(zip("nu", rest, strict=False))
        slots |= {"b": before, "d": start, "w": WEEKDAYS[start.weekday()], "m": calendar.month_name[start.month]}
        slots["length"] = calendar.monthrange(start.year, start.month)[1]
        if kind == "weekday":
            return phrase(rng, "[{b}, {d}, is a {w}|{d} is a {w}] and {n} comes next", **slots)
        if kind == "month_end":
            return phrase(rng, "[{d} is in {m}|{b} lies in {m}], which has {length} days", **slots)
        months = phrase(rng, "[, {m} has {length} days,|, {m} being {length} days long,||]", **slots)
        away = "after" if kind == "later" else "before"
        span = phrase(rng, "{n} {u} {away} [{b}, {d}|{d}|{b} on {d}]", away=away, **slots)
        return span + months.rstrip(",") if kind == "later" and day.month != start.month else span

    def prompt(self, rng: random.Random) -> str:
        chain = ". ".join(
            capital(phrase(rng, _FACTS[kind], **dict(zip("ebnu", rest, strict=False)))) for kind, *rest in self.facts
        )
        question = phrase(rng, "[On which date is {e}?|When is {e}?|What is the date of {e}?]", e=self.goal[0])
        return f"{chain}. {question} Answer like 2024-05-31."


def _reach(fact: Sequence[Any], start: date) -> date:
    """The day a rule leads to from the day before it in the chain."""
    kind, _, _, *rest = fact
    if kind == "month_end":
        return start.replace(day=calendar.monthrange(start.year, start.month)[1])
    if kind == "weekday":
        return start + ((WEEKDAYS.index(rest[0]) - start.weekday() - 1) % 7 + 1) * _DAY
    span = rest[0] * (7 if rest[1] == "weeks" else 1) * _DAY
    return start + span if kind == "later" else start - span


def _mistakes(fact: Sequence[Any], start: date, right: date) -> Iterator[tuple[str, date, str]]:
    """Named wrong days; those that happen to be right are weeded out when they are checked."""
    kind, _, _, *rest = fact
    if kind == "month_end":
        yield "month of thirty days", start.replace(day=28), "Months differ in length"
    elif kind == "weekday":
        yield "a week too far", right + 7 * _DAY, "The first one counts, not the one a week on"
        yield "one day off", right - _DAY, "The weekday must be counted from the right day"
    else:
        forward = _DAY if kind == "later" else -_DAY
        yield "first day counted", right - forward, "The day one starts from is not counted"
        yield "wrong way", start - (right - start), "The direction in time was turned round"
        if rest[1] == "weeks":
            yield "weeks as days", start + rest[0] * forward, "A week is more than a day"
        if (start.year, start.month) != (right.year, right.month):
            yield "months all alike", right + forward, "Months differ in length"
