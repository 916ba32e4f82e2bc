"""Reports: several claims about a country that must first be found, each with the place it was read at.

In `research_contradiction` the episode's corpus has one page more, an older one of the same country that disagrees;
the right report gives both values, each with its source and year. Both families ask in the same words.
"""

from __future__ import annotations

import random
import re
from functools import lru_cache
from typing import Any

from components.agent.environment import Environment, Oracle, OracleStep, Split, Task
from components.agent.factbook import spoken
from components.tasks.research.chains import HiddenCountryFamily, described, found_thought, identifying_words
from components.tasks.research.citations import cite
from components.tasks.research.corpus import Corpus
from components.tasks.research.environment import ReportEnvironment
from components.tasks.research.family import fit
from components.tasks.research.lookups import ASKED
from components.tasks.research.pages import EDITION_YEAR, Page, Passage, section_of
from components.tasks.research.queries import Equals, Read
from components.tasks.research.questions import Question
from components.tasks.research.searcher import Searcher

# What really changes from year to year; only such facts grow stale.
CHANGING = ("airports", "life_expectancy", "median_age", "population", "railways")
_REMEMBERED_VIEWS = 8  # an episode's corpus is drawn, judged, started and solved in
_ASK = "Report the {} of {}. Cite each claim as [page:start-end]; where pages disagree, give each value with its year."
_AMOUNT = re.compile(r"(\d[\d,]*)(\.\d+)?(.*)")


class ReportFamily(HiddenCountryFamily):
    """Two or three claims with their citations."""

    name = "research_report"
    dated = False

    def ask(self, rng: random.Random, split: Split, identity: Passage) -> Question | None:
        fields = rng.sample([field for field in ASKED if field != identity.field], rng.randint(2, 3))
        found = [self.corpus.passages(identity.country, field) for field in fields]
        if any(len(passages) != 1 for passages in found) or len({passages[0].evidence.page for passages in found}) < 2:
            return None
        return report_question(identity, tuple(passages[0] for passages in found), {})

    def start(self, task: Task) -> Environment:
        corpus = self.view(task.payload)
        return ReportEnvironment(
            tools=task.tools,
            corpus=corpus,
            needed=self.needed(task),
            wanted=self.wanted(task, corpus),
            dated=self.dated,
        )

    def wanted(self, task: Task, corpus: Corpus) -> tuple[Passage, ...]:
        """Every passage the report must cite."""
        country, fields = task.payload["countries"][0], task.payload["fields"]
        return tuple(passage for field in fields for passage in corpus.passages(country, field))

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        corpus = self.view(task.payload)
        wanted = self.wanted(task, corpus)
        identity = self.only(*task.payload["identity"])
        searcher = Searcher(rng, corpus, (identity, *wanted), rng.randrange(3) if wrong_branch else None)
        yield from searcher.search(
            identifying_words(identity),
            (identity,),
            analysis=rng.choice(
                ("A report on the country with {0}: {1}.", "Find who has {0}, then read on {1}.")
            ).format(identity.line, fields_in_words(task.payload["fields"])),
        )
        said = found_thought(rng, identity)
        opened: list[str] = []
        for passage in wanted:
            page = passage.evidence.page
            if page in opened:
                continue
            if page not in searcher.pages_seen:
                rivals = corpus.passages(passage.country, passage.field)
                yield from searcher.search(f"{passage.country} {spoken(passage.field)}", rivals, reflection=said)
                said = f"{page} has the {spoken(passage.field)}."
                if len(rivals) > 1:
                    said = f"Two pages differ: {' and '.join(rival.value for rival in rivals)}."
            yield from searcher.open(passage, reflection=said)
            opened.append(page)
            read = [other.line for other in wanted if other.evidence.page == page]
            said = f"{page} says {'; '.join(read)}."
        yield OracleStep(reflection=said, summary=" ".join(claim(passage, self.dated) for passage in wanted))


class ContradictionFamily(ReportFamily):
    """One fact in two versions, perhaps another in one."""

    name = "research_contradiction"
    dated = True

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus)
        self._planted = lru_cache(_REMEMBERED_VIEWS)(corpus.with_pages)

    def ask(self, rng: random.Random, split: Split, identity: Passage) -> Question | None:
        disputed = rng.choice(CHANGING)
        fields = [disputed]
        if rng.random() < 0.4:
            fields.append(rng.choice([field for field in ASKED if field not in (*CHANGING, identity.field)]))
        found = [self.corpus.passages(identity.country, field) for field in fields]
        if any(len(passages) != 1 for passages in found):
            return None
        stale = stale_page(rng, found[0][0])
        view = self._planted(stale)
        wanted = tuple(passage for field in fields for passage in view.passages(identity.country, field))
        planted = {"id": stale.id, "section": stale.section, "year": stale.year, "facts": list(map(list, stale.facts))}
        return report_question(identity, wanted, {"planted": planted})

    def view(self, facts: dict[str, Any]) -> Corpus:
        planted = facts["planted"]
        page = Page(
            id=planted["id"],
            country=facts["identity"][0],
            section=planted["section"],
            year=planted["year"],
            facts=tuple((field, value) for field, value in planted["facts"]),
        )
        return self._planted(page)


def report_question(identity: Passage, wanted: tuple[Passage, ...], facts: dict[str, Any]) -> Question | None:
    """Ask for the fields of the passages wanted; a field that stands there twice must have two answers."""
    if not all(fit(passage.value) for passage in wanted):
        return None
    fields = list(dict.fromkeys(passage.field for passage in wanted))
    country, who = identity.country, Equals(identity.field, identity.value)
    by_field = {field: tuple(passage for passage in wanted if passage.field == field) for field in fields}
    return Question(
        prompt=_ASK.format(fields_in_words(fields), described(identity)),
        queries=tuple((Read(who, field), len(passages)) for field, passages in by_field.items()),
        needed=(identity, *wanted),
        searches=(
            (identifying_words(identity), (identity,)),
            *((f"{country} {spoken(field)}", passages) for field, passages in by_field.items()),
        ),
        countries=(country,),
        hidden=(country, *(passage.value for passage in wanted)),
        facts={"identity": [country, identity.field], "fields": fields, **facts},
    )


def claim(passage: Passage, dated: bool) -> str:
    """One claim with its citation."""
    year = f" in {passage.year}" if dated else ""
    return f"The {spoken(passage.field)} of {passage.country} is {passage.value}{year} {cite(passage.evidence)}."


def stale_page(rng: random.Random, passage: Passage) -> Page:
    """An older page of the passage's country, with that one fact as it may have been then."""
    years = rng.randint(3, 12)
    value = older(passage.value, 1 - years * rng.uniform(0.008, 0.02))
    section, year = section_of(passage.field), EDITION_YEAR - years
    return Page(
        id=f"{passage.evidence.page}/{year}",
        country=passage.country,
        section=section,
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


def fields_in_words(fields: list[str]) -> str:
    names = [spoken(field) for field in fields]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
