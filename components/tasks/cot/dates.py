"""On which day? Chains of dates: days and weeks later or earlier, the next weekday, the end of a month."""

from __future__ import annotations

import calendar
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
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
from components.tasks.kit.wording import capital, phrase

TOOL = check_tool("EVENT YYYY-MM-DD")
_CLAIM = re.compile(r"\s*(\w+) (\d{4}-\d{2}-\d{2})\s*", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EVENTS = (
    ("order", "invoice", "delivery", "payment", "reminder", "audit"),
    ("sowing", "sprouting", "planting", "bloom", "harvest", "fair"),
    ("draft", "review", "print", "launch", "party", "sequel"),
    ("exam", "grading", "notice", "appeal", "hearing", "verdict"),
)
WEEKDAYS = tuple(calendar.day_name)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Dates(Puzzle):
    """Facts: ["on", event, date], then a chain: ["later" | "earlier", event, before, n, "days" | "weeks"],
    ["weekday", event, before, day] the first such day after it, ["month_end", event, before]."""

    tool: ClassVar[ToolSpec] = TOOL
    facts: Facts

    @cached_property
    def rules(self) -> dict[str, list[object]]:
        return {str(fact[1]): fact for fact in self.facts[1:]}

    @cached_property
    def days(self) -> dict[str, date]:
        """The date of every event."""
        days = {str(self.facts[0][1]): date.fromisoformat(self.facts[0][2])}
        for event, fact in self.rules.items():
            days[event] = _reach(fact, days[str(fact[2])])
        return days

    @property
    def asked(self) -> str:
        return str(self.facts[-1][1])

    def read(self, text: str) -> Claim:
        match = _CLAIM.fullmatch(text)
        if match is None:
            raise ClaimError(f"{text.strip()[:30]!r} is not like event 2024-05-31")
        if match[1] not in self.rules:
            raise ClaimError(f"no date to find for {match[1][:20]}")
        try:
            return match[1], date.fromisoformat(match[2])
        except ValueError:
            raise ClaimError(f"there is no {match[2]}") from None

    def refute(self, claim: Claim, known: Sequence[Claim]) -> str | None:
        event, day = claim
        kind, _, before, *rest = self.rules[event]
        days = dict(known) | {str(self.facts[0][1]): date.fromisoformat(self.facts[0][2])}
        if before not in days:
            return f"{before} has no date yet"
        gap = (day - days[before]).days
        if kind in ("later", "earlier"):
            wanted = int(str(rest[0])) * (7 if rest[1] == "weeks" else 1) * (1 if kind == "later" else -1)
            side = "before" if gap < 0 else "after"
            return None if gap == wanted else f"that is {abs(gap)} days {side} {before}"
        if kind == "weekday":
            if day.weekday() != WEEKDAYS.index(str(rest[0])):
                return f"that is a {WEEKDAYS[day.weekday()]}"
            if gap <= 0:
                return f"that is not after {before}"
            return None if gap <= 7 else f"a {rest[0]} comes sooner"
        if (day.year, day.month) != (days[before].year, days[before].month):
            return f"{before} is in {calendar.month_name[days[before].month]}"
        return None if (day + _DAY).month != day.month else f"{calendar.month_name[day.month]} goes on"

    def solves(self, answer: str, known: Sequence[Claim]) -> bool:
        named = _DATE.findall(answer)
        right = self.days[self.asked]
        return bool(named) and named[-1] == right.isoformat() and (self.asked, right) in known

    def opening(self, rng: random.Random) -> str:
        return phrase(
            rng,
            "[[Go|Work] from one date to the next.|Each date [hangs on|follows from] the one before it."
            "|[Mind|Watch] the lengths of the months.|Start at {first} and go on to {last}."
            "|Dates in a chain, {last} at its end.]",
            first=self.facts[0][1],
            last=self.asked,
        )

    def answer(self, rng: random.Random) -> str:
        day = self.days[self.asked].isoformat()
        return phrase(rng, "[{d}|It is {d}.|The {e} is on {d}.|On {d}.]", d=day, e=self.asked)

    def deductions(self, rng: random.Random) -> list[Deduction]:
        steps = []
        for event, fact in self.rules.items():
            before, day = str(fact[2]), self.days[event]
            steps.append(
                Deduction(
                    claim=f"{event} {day}",
                    because=self._because(rng, fact),
                    text=phrase(rng, "{e} [is on|falls on|comes to] {d}", e=event, d=day),
                    mistakes=tuple(
                        WrongClaim(
                            name=name,
                            claim=f"{event} {wrong}",
                            because=self._because(rng, fact),
                            text=f"{event} is on {wrong}",
                            lesson=lesson,
                        )
                        for name, wrong, lesson in _mistakes(fact, self.days[before], day)
                    ),
                )
            )
        return with_real_mistakes(self, steps)

    def _because(self, rng: random.Random, fact: Sequence[object]) -> str:
        """The rule with the date it starts from, and where it helps the month it runs through."""
        kind, event, before, *rest = fact
        start, day = self.days[str(before)], self.days[str(event)]
        slots = {"b": before, "d": start, "w": WEEKDAYS[start.weekday()], "m": calendar.month_name[start.month]}
        length = calendar.monthrange(start.year, start.month)[1]
        if kind in ("later", "earlier"):
            away = "after" if kind == "later" else "before"
            months = phrase(rng, "[, {m} has {n} days,|, {m} being {n} days long,||]", n=length, **slots)
            through = months if kind == "later" and day.month != start.month else ""
            return phrase(rng, "{n} {u} {away} [{b}, {d}|{d}|{b} on {d}]", n=rest[0], u=rest[1], away=away, **slots) + (
                through.rstrip(",")
            )
        if kind == "weekday":
            return phrase(rng, "[{b}, {d}, is a {w}|{d} is a {w}] and {day} comes next", day=rest[0], **slots)
        return phrase(rng, "[{d} is in {m}|{b} lies in {m}], which has {n} days", n=length, **slots)

    def told(self, rng: random.Random, fact: Sequence[object]) -> str:
        kind, event, before, *rest = fact
        if kind == "on":
            return phrase(rng, "[{e} [is|was] on {d}|the {e} falls on {d}]", e=event, d=before)
        patterns = {
            "later": "{e} [is|comes|follows] {n} {u} after {b}",
            "earlier": "{e} [is|comes|was] {n} {u} before {b}",
            "weekday": "{e} is on the first {n} after {b}",
            "month_end": "{e} is on the last day of {b}'s month",
        }
        return phrase(
            rng, patterns[str(kind)], e=event, b=before, n=rest[0] if rest else "", u=rest[-1] if rest else ""
        )


def _reach(fact: Sequence[object], start: date) -> date:
    """The day a rule leads to from the day before it in the chain."""
    kind, _, _, *rest = fact
    if kind == "month_end":
        return start.replace(day=calendar.monthrange(start.year, start.month)[1])
    if kind == "weekday":
        ahead = (WEEKDAYS.index(str(rest[0])) - start.weekday() - 1) % 7 + 1
        return start + ahead * _DAY
    span = int(str(rest[0])) * (7 if rest[1] == "weeks" else 1) * _DAY
    return start + span if kind == "later" else start - span


def _mistakes(fact: Sequence[object], start: date, right: date) -> list[tuple[str, date, str]]:
    """Named wrong days; those that happen to be right are weeded out when they are checked."""
    kind, _, _, *rest = fact
    if kind == "month_end":
        return [("month of thirty days", start.replace(day=28), "Months differ in length")]
    if kind == "weekday":
        return [
            ("a week too far", right + 7 * _DAY, "The first one counts, not the one a week on"),
            ("one day off", right - _DAY, "The weekday must be counted from the right day"),
        ]
    forward = 1 if kind == "later" else -1
    found = [
        ("first day counted", right - forward * _DAY, "The day one starts from is not counted"),
        ("wrong way", start - (right - start), "The direction in time was turned round"),
    ]
    if rest[1] == "weeks":
        found.append(("weeks as days", start + forward * int(str(rest[0])) * _DAY, "A week is more than a day"))
    if (start.year, start.month) != (right.year, right.month):
        found.append(("months all alike", right + forward * _DAY, "Months differ in length"))
    return found


class DateChains:
    """Three to five steps from a date between 1996 and 2031."""

    tools: tuple[ToolSpec, ...] = (TOOL,)

    def draw(self, rng: random.Random) -> Facts:
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

    def symbols(self, facts: Facts) -> list[str]:
        return [fact[1] for fact in facts]

    def problem(self, facts: Facts) -> Dates:
        return Dates(facts)

    def prompt(self, rng: random.Random, facts: Facts) -> str:
        chain = Dates(facts)
        told = ". ".join(capital(chain.told(rng, fact)) for fact in facts)
        question = phrase(rng, "[On which date is {e}?|When is {e}?|What is the date of {e}?]", e=chain.asked)
        return f"{told}. {question} Answer like 2024-05-31."
