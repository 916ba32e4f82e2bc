"""The first, the last or the number among three or four named countries."""

from __future__ import annotations

import random
from itertools import pairwise

from components.agent.environment import Split, Task
from components.agent.factbook import spoken
from components.tasks.kit.oracle import Answer, Player
from components.tasks.kit.wording import listed, phrase
from components.tasks.research.facts import is_short
from components.tasks.research.family import ResearchFamily
from components.tasks.research.pages import Passage
from components.tasks.research.queries import Both, Count, Equals, Extreme, Named, Query
from components.tasks.research.questions import Question
from components.tasks.research.search import query_for

MEASURED = ("airports", "area_total", "coastline", "life_expectancy", "median_age", "population", "railways")
COUNTED = ("currency", "government_type", "language", "location", "religion")
NUMBER_WORDS = ("none", "one", "two", "three", "four")
_SMALLEST_SET, _LARGEST_SET = 3, 4


class CompareSetFamily(ResearchFamily):
    """Which of A, B, C and D has the highest population? How many of them have this language?"""

    name = "research_compare_set"

    def draw(self, rng: random.Random, split: Split) -> Question | None:
        size = rng.randint(_SMALLEST_SET, _LARGEST_SET)
        countries = tuple(rng.sample(self.countries[split], min(size, len(self.countries[split]))))
        counts = rng.random() < 0.4
        field = rng.choice(COUNTED if counts else MEASURED)
        passages = [passage for country in countries if (passage := self.corpus.only(country, field)) is not None]
        # A comma inside a name would blur where one name ends and the next begins.
        if len(passages) < len(countries) or any("," in country for country in countries):
            return None
        return self._count(rng, passages) if counts else self._extreme(rng, passages)

    def _extreme(self, rng: random.Random, passages: list[Passage]) -> Question:
        countries, field = _countries(passages), passages[0].field
        highest = rng.random() < 0.6
        query = Extreme(Named(countries), field, highest)
        most = "highest" if highest else "lowest"
        prompt = f"Which of {listed(countries)} has the {most} {spoken(field)}?"
        value = min(query.answers(self.corpus), default="")
        return _question(prompt, query, passages, (value,), {"conclusion": f"The {most} is {value}."})

    def _count(self, rng: random.Random, passages: list[Passage]) -> Question | None:
        value, field, countries = rng.choice(passages).value, passages[0].field, _countries(passages)
        if not is_short(value):
            return None
        prompt = phrase(
            rng,
            "[How many of {names} have {value} as their {field}?|Of {names}, how many have the {field} {value}?]",
            names=listed(countries),
            field=spoken(field),
            value=value,
        )
        holding = [passage.country for passage in passages if passage.value == value]
        number = len(holding)
        query = Count(Both(Named(countries), Equals(field, value)))
        return _question(
            prompt,
            query,
            passages,
            (NUMBER_WORDS[number], str(number)),
            {"conclusion": f"{value}: {', '.join(holding)}."},
        )

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        (first, (one,)), *_ = searches = self.searches(task)
        searcher = self.searcher(task, rng, wrong_branch, moves=len(searches))
        field = spoken(one.field)
        text = phrase(rng, "[The {field} of each is needed.|Each must be looked up: {field}.]", field=field)
        yield from searcher.search(first, (one,), text)
        for (_, (before,)), (query, wanted) in pairwise(searches):
            yield from searcher.search(query, wanted, f"{before.country}: {before.value}.")
        read = "; ".join(f"{passage.country} {passage.value}" for _, (passage,) in searches)
        return Answer(text=f"{read}. {task.payload['conclusion']}", summary=task.payload["values"][0])


def _countries(passages: list[Passage]) -> tuple[str, ...]:
    return tuple(passage.country for passage in passages)


def _question(
    prompt: str, query: Query, passages: list[Passage], values: tuple[str, ...], facts: dict[str, str]
) -> Question:
    return Question(
        prompt=prompt,
        queries=((query, 1),),
        needed=tuple(passages),
        searches=tuple((query_for(passage.country, passage.field), (passage,)) for passage in passages),
        countries=_countries(passages),
        values=values,
        facts=facts,
    )
