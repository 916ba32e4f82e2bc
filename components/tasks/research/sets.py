"""Questions about sets: the one country in two sets, the first or the number among named ones."""

from __future__ import annotations

import random
from itertools import pairwise

from components.agent.environment import Environment, Oracle, OracleStep, Split, Task
from components.agent.factbook import spoken
from components.tasks.research.chains import identifying_words
from components.tasks.research.corpus import RESULTS, Corpus
from components.tasks.research.environment import ValueEnvironment
from components.tasks.research.family import ResearchFamily, fit
from components.tasks.research.pages import Passage
from components.tasks.research.queries import Both, Count, Equals, Extreme, Named
from components.tasks.research.questions import Question
from components.tasks.research.searcher import Searcher

# Fields in which groups of countries agree.
GROUPING = (
    "airports", "climate", "currency", "gdp_per_capita", "government_type", "independence", "language", "location",
    "lowest_point", "median_age", "religion", "voting_age",
)  # fmt: skip
MEASURED = ("airports", "area_total", "coastline", "life_expectancy", "median_age", "population", "railways")
COUNTED = ("currency", "government_type", "language", "location", "religion")
NUMBER_WORDS = ("none", "one", "two", "three", "four", "five")
_SMALLEST_SET, _LARGEST_SET = 3, 4


class IntersectionFamily(ResearchFamily):
    """Which country's language is X and government type Y? Those with one fact are few; each is looked at."""

    name = "research_intersection"

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus)
        # Facts that a country shares with so few others that one search shows them all.
        self._few: dict[Split, list[Passage]] = {
            split: [
                passages[0]
                for country in countries
                for field in GROUPING
                if len(passages := corpus.passages(country, field)) == 1
                and fit(passages[0].value)
                and 2 <= len(corpus.holders[field, passages[0].value]) <= RESULTS
            ]
            for split, countries in self.countries.items()
        }

    def draw(self, rng: random.Random, split: Split) -> Question | None:
        if not self._few[split]:
            return None
        one = rng.choice(self._few[split])
        country, few = one.country, one.field
        many = rng.choice([field for field in GROUPING if field != few])
        group = self.corpus.holders[few, one.value]
        if any(len(self.corpus.passages(member, many)) != 1 for member in group):
            return None
        other = self.only(country, many)
        if not fit(other.value) or len(self.corpus.holders[many, other.value]) < 2:
            return None
        members = tuple(self.only(member, few) for member in group)
        phrasing = rng.choice(
            ("Which country's {0} is {1} and its {2} {3}?", "Find the country with {0} {1} and {2} {3}.")
        )
        first, second = (one, other) if rng.random() < 0.5 else (other, one)
        return Question(
            prompt=phrasing.format(spoken(first.field), first.value, spoken(second.field), second.value),
            queries=((Both(Equals(few, one.value), Equals(many, other.value)), 1),),
            needed=(one, other),
            searches=(
                (identifying_words(one), members),
                *((f"{member} {spoken(many)}", (self.only(member, many),)) for member in group),
            ),
            countries=(country,),
            answer=country,
            facts={"few": few, "many": many, "value": country},
        )

    def start(self, task: Task) -> Environment:
        return ValueEnvironment(
            tools=task.tools, corpus=self.corpus, needed=self.needed(task), values=(task.payload["value"],)
        )

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        country, few, many = task.payload["value"], task.payload["few"], task.payload["many"]
        one, other = self.only(country, few), self.only(country, many)
        words = identifying_words(one)
        group = [passage for passage in self.corpus.search(words) if (passage.field, passage.value) == (few, one.value)]
        searcher = Searcher(rng, self.corpus, (one, other), rng.randrange(2) if wrong_branch else None)
        yield from searcher.search(
            words,
            tuple(group),
            analysis=rng.choice(("Two facts must hold: {0} and {1}.", "Wanted: a country with {0} and {1}.")).format(
                one.line, other.line
            ),
        )
        said = f"{', '.join(passage.country for passage in group)}: which has {other.line}?"
        for passage in group:
            candidate = self.only(passage.country, many)
            if candidate.evidence.page == passage.evidence.page:
                yield from searcher.open(candidate, reflection=said)
            else:
                yield from searcher.search(f"{passage.country} {spoken(many)}", (candidate,), reflection=said)
            if passage.country == country:
                break
            said = f"{passage.country} has {candidate.line}, not {other.value}. Next."
        yield OracleStep(
            reflection=f"{country} has {one.line} and {other.line}.",
            summary=rng.choice(("{}", "It is {}.")).format(country),
        )


class CompareSetFamily(ResearchFamily):
    """Which of A, B, C and D has the highest population? How many of them have this language?"""

    name = "research_compare_set"

    def draw(self, rng: random.Random, split: Split) -> Question | None:
        size = rng.randint(_SMALLEST_SET, _LARGEST_SET)
        countries = tuple(rng.sample(self.countries[split], min(size, len(self.countries[split]))))
        counts = rng.random() < 0.4
        asked = rng.choice(COUNTED if counts else MEASURED)
        # A comma inside a name would blur where one name ends and the next begins.
        if any("," in country or len(self.corpus.passages(country, asked)) != 1 for country in countries):
            return None
        passages = tuple(self.only(country, asked) for country in countries)
        named = f"{', '.join(countries[:-1])} and {countries[-1]}"
        if counts:
            return self._count(rng, named, passages)
        highest = rng.random() < 0.6
        query = Extreme(Named(countries), asked, highest)
        answers = query.answers(self.corpus)
        most = "highest" if highest else "lowest"
        return self._question(
            f"Which of {named} has the {most} {spoken(asked)}?",
            (query, 1),
            passages,
            {"value": min(answers, default=""), "most": most},
        )

    def _count(self, rng: random.Random, named: str, passages: tuple[Passage, ...]) -> Question | None:
        value, asked = rng.choice(passages).value, passages[0].field
        if not fit(value):
            return None
        query = Count(Both(Named(tuple(passage.country for passage in passages)), Equals(asked, value)))
        number = sum(passage.value == value for passage in passages)
        phrasing = rng.choice(("How many of {0} have {2} as their {1}?", "Of {0}, how many have the {1} {2}?"))
        prompt = phrasing.format(named, spoken(asked), value)
        return self._question(prompt, (query, 1), passages, {"value": NUMBER_WORDS[number], "counted": value})

    def _question(
        self, prompt: str, query: tuple[Count | Extreme, int], passages: tuple[Passage, ...], facts: dict[str, str]
    ) -> Question:
        return Question(
            prompt=prompt,
            queries=(query,),
            needed=passages,
            searches=tuple((f"{passage.country} {spoken(passage.field)}", (passage,)) for passage in passages),
            countries=tuple(passage.country for passage in passages),
            facts={"asked": passages[0].field, **facts},
        )

    def start(self, task: Task) -> Environment:
        value = task.payload["value"]
        values = (value, str(NUMBER_WORDS.index(value))) if "counted" in task.payload else (value,)
        return ValueEnvironment(tools=task.tools, corpus=self.corpus, needed=self.needed(task), values=values)

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        payload = task.payload
        asked = payload["asked"]
        passages = [self.only(country, asked) for country in payload["countries"]]
        searcher = Searcher(rng, self.corpus, passages, rng.randrange(len(passages)) if wrong_branch else None)
        yield from searcher.search(
            f"{passages[0].country} {spoken(asked)}",
            (passages[0],),
            analysis=rng.choice(("The {} of each is needed.", "Each must be looked up: {}.")).format(spoken(asked)),
        )
        for before, passage in pairwise(passages):
            yield from searcher.search(
                f"{passage.country} {spoken(asked)}", (passage,), reflection=f"{before.country}: {before.value}."
            )
        listed = "; ".join(f"{passage.country} {passage.value}" for passage in passages)
        if "counted" in payload:
            holding = [passage.country for passage in passages if passage.value == payload["counted"]]
            yield OracleStep(
                reflection=f"{listed}. {payload['counted']}: {', '.join(holding)}.", summary=payload["value"]
            )
        else:
            yield OracleStep(
                reflection=f"{listed}. The {payload['most']} is {payload['value']}.", summary=payload["value"]
            )
