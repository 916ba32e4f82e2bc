"""Look-ups over the Factbook with a search tool: one field of one country, and a comparison of two.

A wrong branch really searches for the wrong thing; the reflection quotes what came back and what it lacks. Countries
fall into the train or the held-out split by hash, so held-out tasks ask about countries never asked in training.
"""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from components.agent.environment import Environment, Observation, Oracle, OracleStep, Split, Task, make_task
from components.agent.factbook import SEARCH, Knowledge, spoken
from components.agent.messages import ToolCall
from components.agent.toolbox import Toolbox, offer
from components.core.errors import BadInput
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.kit.citations import normal_words
from components.tasks.kit.splits import split_of

# Fields with one short value; the others are long, or lists.
ASKED = (
    "airports",
    "anthem",
    "area_total",
    "capital",
    "coastline",
    "currency",
    "government_type",
    "highest_point",
    "independence",
    "internet_code",
    "language",
    "life_expectancy",
    "median_age",
    "nationality",
    "population",
    "railways",
    "religion",
)
COMPARED = {"area_total": "larger", "population": "more populous"}
_MAX_VALUE_WORDS, _MAX_VALUE_CHARACTERS = 4, 28
_MAX_EXTRA_WORDS = 10
_Item = TypeVar("_Item")


@dataclass
class SearchEnvironment(Toolbox):
    """A search tool, perhaps a calculator beside it, the value asked for, and what an honest answer must have seen."""

    value: str = ""
    evidence: tuple[str, ...] = ()

    def verify(self, answer: str) -> bool:
        """The answer is the value, or a short sentence that ends with it, and every passage behind it was read."""
        seen = {line for _, observation in self.executed for line in observation.content.splitlines()}
        return says(answer, self.value) and seen.issuperset(self.evidence)


class LookupFamily(ABC):
    """Questions about one field of some countries."""

    name: str
    domain: Stream = "research"
    fields: Iterable[str]

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.pairs: dict[Split, list[tuple[str, str]]] = {"train": [], "heldout": []}
        for country, facts in knowledge.facts.items():
            self.pairs[split_of("country", country)] += [
                (country, asked) for asked in self.fields if asked in facts and self._askable(country, asked)
            ]

    def _askable(self, country: str, asked: str) -> bool:
        """A fit value that a straight search finds."""
        fit = self.fits(self.knowledge.facts[country][asked])
        return fit and _found(self.knowledge, _query(country, asked), self.knowledge.passage(country, asked))

    @abstractmethod
    def fits(self, value: str) -> bool:
        """Whether a question of this family can be about a field with this value."""

    @abstractmethod
    def sample(self, seed: int, split: Split) -> Task: ...

    @abstractmethod
    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle: ...

    def start(self, task: Task) -> Environment:
        evidence = tuple(
            self.knowledge.passage(country, task.payload["field"]) for country in task.payload["countries"]
        )
        return SearchEnvironment(
            tools=task.tools, knowledge=self.knowledge, value=task.payload["value"], evidence=evidence
        )

    def choose(self, rng: random.Random, items: list[_Item], split: Split) -> _Item:
        if not items:
            raise BadInput(
                f"{self.name}: the Factbook holds too few countries for the {split} split; ingest the whole source"
            )
        return rng.choice(items)

    def task(
        self, rng: random.Random, seed: int, split: Split, prompt: str, countries: list[str], asked: str, value: str
    ) -> Task:
        return make_task(
            self,
            seed,
            split,
            prompt=prompt,
            tools=offer(rng, SEARCH),
            payload={"countries": countries, "field": asked, "value": value},
        )


class FieldFamily(LookupFamily):
    """What is the capital of X?"""

    name = "factbook_field"
    fields = ASKED

    def fits(self, value: str) -> bool:
        return len(value.split()) <= _MAX_VALUE_WORDS and len(value) <= _MAX_VALUE_CHARACTERS

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        country, asked = self.choose(rng, self.pairs[split], split)
        phrasing = rng.choice(
            (
                "What is the {0} of {1}?",
                "Look up the {0} of {1}.",
                "Find the {0} of {1}.",
                "Tell me the {0} of {1}.",
                "{1}: what is its {0}?",
            )
        )
        prompt, value = phrasing.format(spoken(asked), country), self.knowledge.facts[country][asked]
        return self.task(rng, seed, split, prompt, [country], asked, value)

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        (country,), asked, value = task.payload["countries"], task.payload["field"], task.payload["value"]
        wanted = self.knowledge.passage(country, asked)
        right = _query(country, asked)
        tried = _mistake(rng, self.knowledge, country, asked) if wrong_branch else right
        observation = yield OracleStep(
            analysis=rng.choice(
                ("A fact about {1}: its {0}.", "Wanted: {0} of {1}.", "The {0} of {1} is asked.")
            ).format(spoken(asked), country),
            plan=rng.choice(("Search {}.", "Search for {}.", "Look for {}.")).format(tried),
            call=_search(tried),
            label="wrong" if wrong_branch else "good",
        )
        if wrong_branch:
            assert wanted not in observation.content.splitlines()
            observation = yield OracleStep(
                reflection=_complaint(rng, country, asked, observation),
                plan=rng.choice(("Search {} instead.", "Search again: {}.", "Ask for {}.")).format(right),
                call=_search(right),
                label="recovery",
            )
        assert wanted in observation.content.splitlines()
        yield OracleStep(
            reflection=rng.choice(("Found: {0}.", "The {1} is {2}.", "It says {1}: {2}.")).format(
                wanted, spoken(asked), value
            ),
            summary=rng.choice(("{}", "It is {}.")).format(value),
        )


class CompareFamily(LookupFamily):
    """Which is larger, X or Y? Two searches, then a comparison; meant to be held out from training."""

    name = "factbook_compare"
    fields = COMPARED

    def fits(self, value: str) -> bool:
        return read_amount(value) is not None

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        first, asked = self.choose(rng, self.pairs[split], split)
        amounts = {
            country: amount
            for country, other in self.pairs[split]
            if other == asked and (amount := read_amount(self.knowledge.facts[country][asked])) is not None
        }
        others = [country for country in amounts if amounts[country] != amounts[first]]
        second = self.choose(rng, others, split)
        winner = max(first, second, key=lambda country: amounts[country])
        prompt = f"Which is {COMPARED[asked]}, {first} or {second}?"
        return self.task(rng, seed, split, prompt, [first, second], asked, winner)

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        (first, second), asked = task.payload["countries"], task.payload["field"]
        tried = _mistake(rng, self.knowledge, first, asked) if wrong_branch else _query(first, asked)
        observation = yield OracleStep(
            analysis=f"Compare the {spoken(asked)} of {first} and {second}.",
            plan=rng.choice(("Search {}, then the other.", "First search {}.")).format(tried),
            call=_search(tried),
            label="wrong" if wrong_branch else "good",
        )
        if wrong_branch:
            assert self.knowledge.passage(first, asked) not in observation.content.splitlines()
            observation = yield OracleStep(
                reflection=_complaint(rng, first, asked, observation),
                plan=f"Search {_query(first, asked)} instead.",
                call=_search(_query(first, asked)),
                label="recovery",
            )
        one = _read(observation, first, asked)
        observation = yield OracleStep(
            reflection=f"{first} has {one}.",
            plan=rng.choice(("Now search {}.", "Next: {}.")).format(_query(second, asked)),
            call=_search(_query(second, asked)),
        )
        other = _read(observation, second, asked)
        more, less = (one, other) if task.payload["value"] == first else (other, one)
        yield OracleStep(
            reflection=f"{second} has {other}; {more} is more than {less}.", summary=str(task.payload["value"])
        )


def families(knowledge: Knowledge) -> list[LookupFamily]:
    return [FieldFamily(knowledge), CompareFamily(knowledge)]


def _query(country: str, asked: str) -> str:
    return f"{country} {spoken(asked)}"


def _search(query: str) -> ToolCall:
    return ToolCall(name=SEARCH.name, arguments={"query": query})


def _found(knowledge: Knowledge, query: str, passage: str) -> bool:
    return passage in knowledge.search(query).content.splitlines()


def _mistake(rng: random.Random, knowledge: Knowledge, country: str, asked: str) -> str:
    """A query that misses: another field, another country, or no country at all."""
    passage = knowledge.passage(country, asked)
    other_field = rng.choice([other for other in ASKED if other != asked])
    other_country = rng.choice(list(knowledge.facts))
    queries = [_query(country, other_field), _query(other_country, asked), spoken(asked)]
    rng.shuffle(queries)
    return next((query for query in queries if not _found(knowledge, query, passage)), "facts about the country")


def _complaint(rng: random.Random, country: str, asked: str, observation: Observation) -> str:
    """Quotes the first line that came back: it is not the fact that was asked."""
    line = observation.content.splitlines()[0]
    return rng.choice(
        ("{2} is not the {0} of {1}.", "That found {2}, not the {0} of {1}.", "No {0} of {1} here, only {2}.")
    ).format(spoken(asked), country, line)


def _read(observation: Observation, country: str, asked: str) -> str:
    """The value behind `country, field: ` in what came back."""
    start = f"{country}, {spoken(asked)}: "
    return next(line for line in observation.content.splitlines() if line.startswith(start)).removeprefix(start)


def read_amount(value: str) -> float | None:
    """The number a value starts with, or None."""
    found = re.match(r"(\d[\d,]*(?:\.\d+)?)( million| billion)?", value)
    if not found:
        return None
    scale = {None: 1.0, " million": 1e6, " billion": 1e9}[found[2]]
    return float(found[1].replace(",", "")) * scale


def says(answer: str, value: str) -> bool:
    """Whether an answer is the value, or a short sentence that ends with it."""
    said, wanted = normal_words(answer), normal_words(value)
    return said[-len(wanted) :] == wanted and len(said) <= len(wanted) + _MAX_EXTRA_WORDS
