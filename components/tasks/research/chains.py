"""Questions along a chain: an unnamed country is found by one fact, then another fact of it is followed.

`research_chain` ends in a value or in another country that shares it. `research_unanswerable` asks in the same words
for a fact the corpus does not hold; the right answer says so, after looking where it would stand.
"""

from __future__ import annotations

import random
from abc import abstractmethod

from components.agent.environment import Environment, Oracle, OracleStep, Split, Task
from components.agent.factbook import spoken
from components.tasks.research.corpus import Corpus
from components.tasks.research.environment import AbstainEnvironment, ValueEnvironment
from components.tasks.research.family import ResearchFamily, fit
from components.tasks.research.lookups import ASKED
from components.tasks.research.pages import Page, Passage, section_of
from components.tasks.research.queries import Equals, Read, Shares
from components.tasks.research.questions import Question
from components.tasks.research.searcher import Searcher

# Fields whose value mostly belongs to one country.
IDENTIFYING = ("anthem", "capital", "currency", "highest_point", "independence", "internet_code", "lowest_point")
SHARED = ("airports", "currency", "gdp_per_capita", "independence", "life_expectancy", "lowest_point", "median_age")
# Fields that many countries lack; asking for any other would hardly ever be unanswerable.
OFTEN_MISSING = ("anthem", "capital", "currency", "highest_point", "independence", "nationality", "railways")


class HiddenCountryFamily(ResearchFamily):
    """Questions about a country that is described and not named. `identities` are passages that tell one country from
    all others and are short enough to ask with."""

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus)
        self.identities: dict[Split, list[Passage]] = {
            split: [
                passages[0]
                for country in countries
                for field in IDENTIFYING
                if len(passages := corpus.passages(country, field)) == 1
                and fit(passages[0].value)
                and len(corpus.holders[field, passages[0].value]) == 1
            ]
            for split, countries in self.countries.items()
        }

    def draw(self, rng: random.Random, split: Split) -> Question | None:
        identities = self.identities[split]
        return self.ask(rng, split, rng.choice(identities)) if identities else None

    @abstractmethod
    def ask(self, rng: random.Random, split: Split, identity: Passage) -> Question | None:
        """A question about the country of `identity`."""


def described(identity: Passage) -> str:
    return f"the country whose {spoken(identity.field)} is {identity.value}"


def identifying_words(identity: Passage) -> str:
    """The search that finds a country by its fact."""
    return f"{spoken(identity.field)} {identity.value}"


def ask_for_value(rng: random.Random, identity: Passage, asked: str) -> str:
    phrasing = rng.choice(("What is the {} of {}?", "Find the {} of {}.", "Tell me the {} of {}."))
    return phrasing.format(spoken(asked), described(identity))


def first_thought(rng: random.Random, identity: Passage) -> str:
    return rng.choice(
        (
            "The country is not named; its {0} is {1}.",
            "First comes which country has {0} {1}.",
            "Two steps: the country with {0} {1}, then the fact.",
        )
    ).format(spoken(identity.field), identity.value)


def found_thought(rng: random.Random, identity: Passage) -> str:
    return rng.choice(("It is {}.", "{} is the country.", "So {} is meant.")).format(identity.country)


class ChainFamily(HiddenCountryFamily):
    """What is the currency of the country whose anthem is X? Which other country shares it?"""

    name = "research_chain"

    def ask(self, rng: random.Random, split: Split, identity: Passage) -> Question | None:
        return self._shared(rng, split, identity) if rng.random() < 0.4 else self._value(rng, identity)

    def _value(self, rng: random.Random, identity: Passage) -> Question | None:
        asked = rng.choice([field for field in ASKED if field != identity.field])
        passages = self.corpus.passages(identity.country, asked)
        if len(passages) != 1 or not fit(passages[0].value):
            return None
        return Question(
            prompt=ask_for_value(rng, identity, asked),
            queries=((Read(Equals(identity.field, identity.value), asked), 1),),
            needed=(identity, passages[0]),
            searches=(
                (identifying_words(identity), (identity,)),
                (f"{identity.country} {spoken(asked)}", passages),
            ),
            countries=(identity.country,),
            answer=passages[0].value,
            hidden=(identity.country,),
            facts={"path": [[identity.country, identity.field], [identity.country, asked]], "value": passages[0].value},
        )

    def _shared(self, rng: random.Random, split: Split, identity: Passage) -> Question | None:
        """Another country with the same value."""
        shared = [
            (field, passages[0])
            for field in SHARED
            if field != identity.field and len(passages := self.corpus.passages(identity.country, field)) == 1
        ]
        pairs = [
            (field, one, other)
            for field, one in shared
            if fit(one.value) and len(holders := self.corpus.holders[field, one.value]) == 2
            for other in holders
            if other != identity.country and other in self.countries[split]
        ]
        if not pairs:
            return None
        field, one, country = rng.choice(pairs)
        other = self.only(country, field)
        phrasing = rng.choice(
            ("Which other country has the same {} as {}?", "Find the country with the same {} as {}.")
        )
        return Question(
            prompt=phrasing.format(spoken(field), described(identity)),
            queries=((Shares(Equals(identity.field, identity.value), field), 1),),
            needed=(identity, one, other),
            searches=(
                (identifying_words(identity), (identity,)),
                (f"{identity.country} {spoken(field)}", (one,)),
                (identifying_words(one), (other,)),
            ),
            countries=(identity.country, country),
            answer=country,
            hidden=(identity.country,),
            facts={
                "path": [[identity.country, identity.field], [identity.country, field], [country, field]],
                "value": country,
            },
        )

    def start(self, task: Task) -> Environment:
        return ValueEnvironment(
            tools=task.tools, corpus=self.corpus, needed=self.needed(task), values=(task.payload["value"],)
        )

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        identity, *steps = [self.only(country, field) for country, field in task.payload["path"]]
        searcher = Searcher(
            rng, self.corpus, (identity, *steps), rng.randrange(1 + len(steps)) if wrong_branch else None
        )
        yield from searcher.search(identifying_words(identity), (identity,), analysis=first_thought(rng, identity))
        one = steps[0]
        yield from searcher.search(
            f"{one.country} {spoken(one.field)}", (one,), reflection=found_thought(rng, identity)
        )
        if len(steps) == 2:
            yield from searcher.search(
                identifying_words(one), (steps[1],), reflection=f"{one.country} has {one.line}. Who else?"
            )
        yield OracleStep(
            reflection=rng.choice(("Found: {}.", "It says {}.")).format(steps[-1].hit),
            summary=rng.choice(("{}", "It is {}.")).format(task.payload["value"]),
        )


class UnanswerableFamily(HiddenCountryFamily):
    """The same words, but no page says."""

    name = "research_unanswerable"
    right_end = "abstain_correct"

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus)
        self._pages = {(page.country, page.section): page for page in corpus.pages.values()}

    def ask(self, rng: random.Random, split: Split, identity: Passage) -> Question | None:
        missing = [
            field
            for field in OFTEN_MISSING
            if not self.corpus.passages(identity.country, field)
            and (identity.country, section_of(field)) in self._pages
        ]
        if not missing:
            return None
        asked = rng.choice(missing)
        page = self._pages[identity.country, section_of(asked)]
        return Question(
            prompt=ask_for_value(rng, identity, asked),
            queries=(
                (Equals(identity.field, identity.value), 1),
                (Read(Equals(identity.field, identity.value), asked), 0),
            ),
            needed=(identity, *page.passages),
            searches=(
                (identifying_words(identity), (identity,)),
                (f"{identity.country} {spoken(asked)}", (self._neighbour(page, asked),)),
            ),
            countries=(identity.country,),
            hidden=(identity.country,),
            facts={"identity": [identity.country, identity.field], "asked": asked, "page": page.id},
        )

    def _neighbour(self, page: Page, asked: str) -> Passage:
        """The passage by which the search for the missing fact leads to the page where it would stand."""
        shown = self.corpus.search(f"{page.country} {spoken(asked)}")
        return next((passage for passage in shown if passage in page.passages), page.passages[0])

    def start(self, task: Task) -> Environment:
        payload = task.payload
        return AbstainEnvironment(
            tools=task.tools,
            corpus=self.corpus,
            needed=self.needed(task),
            country=payload["countries"][0],
            asked=payload["asked"],
            page=payload["page"],
        )

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        payload = task.payload
        asked = spoken(payload["asked"])
        identity = self.only(*payload["identity"])
        page = self.corpus.pages[payload["page"]]
        neighbour = self._neighbour(page, payload["asked"])
        searcher = Searcher(rng, self.corpus, (identity, *page.passages), rng.randrange(3) if wrong_branch else None)
        yield from searcher.search(identifying_words(identity), (identity,), analysis=first_thought(rng, identity))
        yield from searcher.search(f"{identity.country} {asked}", (neighbour,), reflection=found_thought(rng, identity))
        yield from searcher.open(
            neighbour, reflection=f"No result is the {asked} of {identity.country}; its page may say."
        )
        yield OracleStep(
            reflection=rng.choice(("{0} has no line on {1}.", "No {1} stands in {0}.")).format(page.header, asked),
            summary=rng.choice(
                (
                    "The pages do not say the {0} of {1}.",
                    "Unknown: no page states the {0} of {1}.",
                    "The {0} of {1} cannot be found here.",
                )
            ).format(asked, identity.country),
        )
