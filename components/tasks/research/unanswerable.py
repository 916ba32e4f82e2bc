"""Questions in the words of `research_chain` for a fact the corpus does not hold.

The right answer states that, after the page where the fact would stand was opened.
"""

from __future__ import annotations

import random

from components.agent.environment import End, Environment, Split, Task
from components.agent.factbook import spoken
from components.tasks.kit.oracle import Answer, Player
from components.tasks.kit.wording import phrase
from components.tasks.research.corpus import Corpus
from components.tasks.research.environment import AbstainEnvironment
from components.tasks.research.hidden_country import HiddenCountryFamily, ask_for_value, first_thought, found_thought
from components.tasks.research.pages import Passage, section_of
from components.tasks.research.queries import Equals, Read
from components.tasks.research.questions import Question
from components.tasks.research.search import query_for

# Fields that many countries lack; asking for any other would hardly ever be unanswerable.
OFTEN_MISSING = ("anthem", "capital", "currency", "highest_point", "independence", "nationality", "railways")


class UnanswerableFamily(HiddenCountryFamily):
    """The same words, but no page holds the fact."""

    name = "research_unanswerable"
    right_end: End = "abstain_correct"

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus)
        self._pages = {(page.country, page.section): page for page in corpus.pages.values()}

    def ask(self, rng: random.Random, split: Split, identity: Passage) -> Question | None:
        country = identity.country
        missing = [
            field
            for field in OFTEN_MISSING
            if not self.corpus.passages(country, field) and (country, section_of(field)) in self._pages
        ]
        if not missing:
            return None
        field = rng.choice(missing)
        page, query = self._pages[country, section_of(field)], query_for(country, field)
        # By this passage the search for the missing fact leads to the page where it would stand.
        shown = self.corpus.search(query)
        neighbour = next((passage for passage in shown if passage in page.passages), page.passages[0])
        who = Equals(identity.field, identity.value)
        return Question(
            prompt=ask_for_value(rng, identity, field),
            queries=((who, 1), (Read(who, field), 0)),
            needed=(identity, *page.passages),
            searches=((identity.value_query, (identity,)), (query, (neighbour,))),
            countries=(country,),
            hidden=(country,),
            facts={"field": field},
        )

    def start(self, task: Task) -> Environment:
        _, (_, (neighbour,)) = self.searches(task)
        return AbstainEnvironment(
            tools=task.tools,
            corpus=self.corpus,
            needed=self.needed(task),
            country=neighbour.country,
            field=task.payload["field"],
            page=neighbour.evidence.page,
        )

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        (about, (identity,)), (query, (neighbour,)) = self.searches(task)
        field, country, page = spoken(task.payload["field"]), identity.country, neighbour.evidence.page
        searcher = self.searcher(task, rng, wrong_branch, moves=3)
        yield from searcher.search(about, (identity,), first_thought(rng, identity))
        yield from searcher.search(query, (neighbour,), found_thought(rng, identity))
        yield from searcher.open(neighbour, f"No result is the {field} of {country}; its page may say.")
        return Answer(
            text=phrase(
                rng,
                "[{page} has no line on {field}.|No {field} stands in {page}.]",
                page=self.corpus.pages[page].header,
                field=field,
            ),
            summary=phrase(
                rng,
                "[The pages do not say the {field} of {country}.|Unknown: no page states the {field} of {country}."
                "|The {field} of {country} cannot be found here.]",
                field=field,
                country=country,
            ),
        )
