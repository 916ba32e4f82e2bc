"""Reports: several claims about a country that must first be found, each with the place it was read at."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from components.agent.environment import Environment, Split, Task
from components.agent.factbook import spoken
from components.tasks.kit.oracle import Answer, Player
from components.tasks.kit.wording import listed, phrase
from components.tasks.research.citations import cite
from components.tasks.research.environment import ReportEnvironment
from components.tasks.research.facts import ASKED, is_short
from components.tasks.research.hidden_country import HiddenCountryFamily, described, found_thought
from components.tasks.research.pages import Passage
from components.tasks.research.queries import Equals, Read
from components.tasks.research.questions import Question
from components.tasks.research.search import query_for

_ASK = "Report the {} of {}. Cite each claim as [page:start-end]; where pages disagree, give each value with its year."


class ReportFamily(HiddenCountryFamily):
    """Two or three claims with their citations. With `dated` every claim names the year of its page."""

    name = "research_report"
    dated = False

    def ask(self, rng: random.Random, split: Split, identity: Passage) -> Question | None:
        fields = rng.sample([field for field in ASKED if field != identity.field], rng.randint(2, 3))
        found = [passage for field in fields if (passage := self.corpus.only(identity.country, field)) is not None]
        if len(found) < len(fields) or len({passage.evidence.page for passage in found}) < 2:
            return None
        return report_question(identity, tuple(found), {})

    def start(self, task: Task) -> Environment:
        needed, corpus = self.needed(task), self.view(task.payload)
        return ReportEnvironment(tools=task.tools, corpus=corpus, needed=needed, wanted=needed[1:], dated=self.dated)

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        identity, *wanted = self.needed(task)
        searcher = self.searcher(task, rng, wrong_branch, moves=3)
        text = phrase(
            rng,
            "[A report on the country with {identity}: {fields}.|Find who has {identity}, then read on {fields}.]",
            identity=identity.line,
            fields=_fields_in_words(wanted),
        )
        yield from searcher.search(identity.value_query, (identity,), text)
        text = found_thought(rng, identity)
        for page in dict.fromkeys(passage.evidence.page for passage in wanted):
            on_page = [passage for passage in wanted if passage.evidence.page == page]
            first = on_page[0]
            if page not in searcher.pages_seen:
                rivals = searcher.corpus.passages(first.country, first.field)
                yield from searcher.search(query_for(first.country, first.field), rivals, text)
                text = f"{page} has the {spoken(first.field)}."
                if len(rivals) > 1:
                    text = f"Two pages differ: {' and '.join(rival.value for rival in rivals)}."
            yield from searcher.open(first, text)
            text = f"{page} says {'; '.join(passage.line for passage in on_page)}."
        return Answer(text=text, summary=" ".join(claim(passage, self.dated) for passage in wanted))


def report_question(identity: Passage, wanted: tuple[Passage, ...], facts: dict[str, Any]) -> Question | None:
    """Ask for the fields of the passages wanted; a field that stands there twice must have two answers."""
    if not all(is_short(passage.value) for passage in wanted):
        return None
    country, who = identity.country, Equals(identity.field, identity.value)
    by_field: dict[str, tuple[Passage, ...]] = {}
    for passage in wanted:
        by_field[passage.field] = (*by_field.get(passage.field, ()), passage)
    return Question(
        prompt=_ASK.format(_fields_in_words(wanted), described(identity)),
        queries=tuple((Read(who, field), len(passages)) for field, passages in by_field.items()),
        needed=(identity, *wanted),
        searches=(
            (identity.value_query, (identity,)),
            *((query_for(country, field), passages) for field, passages in by_field.items()),
        ),
        countries=(country,),
        hidden=(country, *(passage.value for passage in wanted)),
        facts=facts,
    )


def claim(passage: Passage, dated: bool) -> str:
    """One claim with its citation."""
    year = f" in {passage.year}" if dated else ""
    return f"The {spoken(passage.field)} of {passage.country} is {passage.value}{year} {cite(passage.evidence)}."


def _fields_in_words(wanted: Sequence[Passage]) -> str:
    return listed(list(dict.fromkeys(spoken(passage.field) for passage in wanted)))
