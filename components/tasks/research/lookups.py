"""Look-ups over the Factbook with a search tool: one field of one country, and a comparison of two.

A wrong branch really searches for the wrong thing; the reflection quotes what came back and what it lacks. Countries
fall into the train or the held-out split by hash, so held-out tasks ask about countries never asked in training.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.agent.environment import Environment, Split, Task, make_task
from components.agent.factbook import SEARCH, Knowledge, spoken
from components.agent.toolbox import Toolbox, offer
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.kit.family import Family
from components.tasks.kit.oracle import Answer, Moves, Player
from components.tasks.kit.wording import phrase
from components.tasks.research.facts import (
    ASKED,
    answers_with,
    countries_by_split,
    is_short,
    read_amount,
    too_few_countries,
)
from components.tasks.research.search import SearchWording, first_useless, query_for, search, wrong_queries

COMPARED = {"area_total": "larger", "population": "more populous"}
_COMPLAINT = (
    "[{line} is not the {field} of {country}.|That found {line}, not the {field} of {country}."
    "|No {field} of {country} here, only {line}.]"
)
_ONE = SearchWording(complaint=_COMPLAINT)
_FIRST = SearchWording(
    plan="[Search {query}, then the other.|First search {query}.]",
    plan_again="Search {query} instead.",
    complaint=_COMPLAINT,
)
_SECOND = SearchWording(plan="[Now search {query}.|Next: {query}.]", complaint=_COMPLAINT)


@dataclass
class SearchEnvironment(Toolbox):
    """A search tool, perhaps a calculator beside it, the value asked for, and what an honest answer must have seen."""

    value: str = ""
    evidence: tuple[str, ...] = ()

    def verify(self, answer: str) -> bool:
        """The answer is the value, or a short sentence that ends with it, and every passage behind it was read."""
        seen = {line for _, observation in self.executed for line in observation.content.splitlines()}
        return answers_with(answer, self.value) and seen.issuperset(self.evidence)


class LookupFamily(Family):
    """Questions about one field of some countries. `pairs` are the countries and fields that can be asked for."""

    domain: Stream = "research"
    fields: Iterable[str]

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.pairs: dict[Split, list[tuple[str, str]]] = {
            split: [
                (country, field)
                for country in countries
                for field in self.fields
                if (value := knowledge.facts[country].get(field)) is not None
                and self.fits(value)
                and self._finds(query_for(country, field), country, field)
            ]
            for split, countries in countries_by_split(knowledge.facts).items()
        }

    @abstractmethod
    def fits(self, value: str) -> bool:
        """Whether a question of this family can be about a field with this value."""

    def start(self, task: Task) -> Environment:
        countries, field = task.payload["countries"], task.payload["field"]
        return SearchEnvironment(
            tools=task.tools,
            knowledge=self.knowledge,
            value=task.payload["value"],
            evidence=tuple(self.knowledge.passage(country, field) for country in countries),
        )

    def choose(self, rng: random.Random, pairs: Sequence[tuple[str, str]], split: Split) -> tuple[str, str]:
        """One of some pairs. Raises BadInput where there is none."""
        if not pairs:
            raise too_few_countries(self.name, split)
        return rng.choice(pairs)

    def make_task(
        self, rng: random.Random, seed: int, split: Split, prompt: str, countries: list[str], field: str, value: str
    ) -> Task:
        payload = {"countries": countries, "field": field, "value": value}
        return make_task(self, seed, split, prompt=prompt, tools=offer(rng, SEARCH), payload=payload)

    def wrong_query(self, rng: random.Random, country: str, field: str) -> str:
        queries = wrong_queries(rng, query_for(country, field), field, list(self.knowledge.facts))
        rng.shuffle(queries)
        return first_useless(queries, lambda query: not self._finds(query, country, field))

    def search(
        self, rng: random.Random, country: str, field: str, text: str, wording: SearchWording, wrong: str | None = None
    ) -> Moves:
        """Search for a field of a country, first with the query `wrong` where there is one."""
        wanted = (self.knowledge.passage(country, field),)
        query = query_for(country, field)
        return search(rng, query, wanted, text, wording, country=country, field=field, wrong_query=wrong)

    def _finds(self, query: str, country: str, field: str) -> bool:
        return self.knowledge.passage(country, field) in self.knowledge.search(query).content.splitlines()


class FieldFamily(LookupFamily):
    """What is the capital of X?"""

    name = "factbook_field"
    fields = ASKED

    def fits(self, value: str) -> bool:
        return is_short(value)

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        country, field = self.choose(rng, self.pairs[split], split)
        prompt = phrase(
            rng,
            "[What is the {field} of {country}?|Look up the {field} of {country}.|Find the {field} of {country}."
            "|Tell me the {field} of {country}.|{country}: what is its {field}?]",
            field=spoken(field),
            country=country,
        )
        return self.make_task(rng, seed, split, prompt, [country], field, self.knowledge.facts[country][field])

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        (country,), field, value = task.payload["countries"], task.payload["field"], task.payload["value"]
        wrong = self.wrong_query(rng, country, field) if wrong_branch else None
        text = phrase(
            rng,
            "[A fact about {country}: its {field}.|Wanted: {field} of {country}.|The {field} of {country} is asked.]",
            field=spoken(field),
            country=country,
        )
        yield from self.search(rng, country, field, text, _ONE, wrong)
        return Answer(
            text=phrase(
                rng,
                "[Found: {line}.|The {field} is {value}.|It says {field}: {value}.]",
                line=self.knowledge.passage(country, field),
                field=spoken(field),
                value=value,
            ),
            summary=phrase(rng, "[{value}|It is {value}.]", value=value),
        )


class CompareFamily(LookupFamily):
    """Which is larger, X or Y? Two searches, then a comparison; meant to be held out from training."""

    name = "factbook_compare"
    fields = COMPARED

    def fits(self, value: str) -> bool:
        return read_amount(value) is not None

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        first, field = self.choose(rng, self.pairs[split], split)
        amounts = {
            country: amount
            for country, other in self.pairs[split]
            if other == field and (amount := read_amount(self.knowledge.facts[country][field])) is not None
        }
        others = [(country, field) for country in amounts if amounts[country] != amounts[first]]
        second, _ = self.choose(rng, others, split)
        winner = max(first, second, key=lambda country: amounts[country])
        prompt = f"Which is {COMPARED[field]}, {first} or {second}?"
        return self.make_task(rng, seed, split, prompt, [first, second], field, winner)

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        (first, second), field, winner = task.payload["countries"], task.payload["field"], task.payload["value"]
        one, other = self.knowledge.facts[first][field], self.knowledge.facts[second][field]
        wrong = self.wrong_query(rng, first, field) if wrong_branch else None
        text = f"Compare the {spoken(field)} of {first} and {second}."
        yield from self.search(rng, first, field, text, _FIRST, wrong)
        yield from self.search(rng, second, field, f"{first} has {one}.", _SECOND)
        more, less = (one, other) if winner == first else (other, one)
        return Answer(text=f"{second} has {other}; {more} is more than {less}.", summary=winner)


def families(knowledge: Knowledge) -> list[LookupFamily]:
    return [FieldFamily(knowledge), CompareFamily(knowledge)]
