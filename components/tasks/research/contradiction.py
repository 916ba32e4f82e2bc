"""Reports where pages disagree: the episode's corpus has one page more, an older one of the same country.

The right report gives both values, each with its source and year. The question has the words of `research_report`.
"""

from __future__ import annotations

import random
import re
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from components.agent.environment import Split
from components.tasks.research.corpus import Corpus
from components.tasks.research.facts import ASKED
from components.tasks.research.pages import EDITION_YEAR, Page, Passage, section_of
from components.tasks.research.questions import Question
from components.tasks.research.report import ReportFamily, report_question

# What really changes from year to year; only such facts grow stale.
CHANGING = ("airports", "life_expectancy", "median_age", "population", "railways")
_REMEMBERED_VIEWS = 8  # an episode's corpus is drawn, judged, started and solved in
_AMOUNT = re.compile(r"(\d[\d,]*)(\.\d+)?(.*)")


class ContradictionFamily(ReportFamily):
    """One fact in two versions, perhaps another in one."""

    name = "research_contradiction"
    dated = True

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus)
        self._with_page = lru_cache(_REMEMBERED_VIEWS)(corpus.with_pages)

    def ask(self, rng: random.Random, split: Split, identity: Passage) -> Question | None:
        fields = [rng.choice(CHANGING)]
        if rng.random() < 0.4:
            fields.append(rng.choice([field for field in ASKED if field not in (*CHANGING, identity.field)]))
        found = [passage for field in fields if (passage := self.corpus.only(identity.country, field)) is not None]
        if len(found) < len(fields):
            return None
        stale = stale_page(rng, found[0])
        view = self._with_page(stale)
        wanted = tuple(passage for field in fields for passage in view.passages(identity.country, field))
        return report_question(identity, wanted, {"stale": {**asdict(stale), "facts": list(map(list, stale.facts))}})

    def view(self, facts: dict[str, Any]) -> Corpus:
        stale = facts["stale"]
        return self._with_page(Page(**{**stale, "facts": tuple((field, value) for field, value in stale["facts"])}))


def stale_page(rng: random.Random, passage: Passage) -> Page:
    """An older page of the passage's country, with that one fact as it may have been then."""
    years = rng.randint(3, 12)
    value = older(passage.value, 1 - years * rng.uniform(0.008, 0.02))
    year = EDITION_YEAR - years
    return Page(
        id=f"{passage.evidence.page}/{year}",
        country=passage.country,
        section=section_of(passage.field),
        year=year,
        facts=((passage.field, value),),
    )


def older(value: str, factor: float) -> str:
    """A value with its amount scaled, written with as many decimals."""
    match = _AMOUNT.fullmatch(value)
    if match is None:
        return value
    whole, decimals, unit = match[1], match[2] or "", match[3]
    amount = float(whole.replace(",", "") + decimals) * factor
    return f"{amount:,.{max(len(decimals) - 1, 0)}f}{unit}"
