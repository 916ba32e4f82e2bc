"""The one country with two facts: those with the rarer one are few, and each of them is looked at."""

from __future__ import annotations

import random

from components.agent.environment import Split, Task
from components.agent.factbook import spoken
from components.tasks.kit.oracle import Answer, Player
from components.tasks.kit.wording import phrase
from components.tasks.research.corpus import RESULTS, Corpus
from components.tasks.research.facts import is_short
from components.tasks.research.family import ResearchFamily
from components.tasks.research.queries import Both, Equals
from components.tasks.research.questions import Question
from components.tasks.research.search import query_for

# Fields in which groups of countries agree.
GROUPING = (
    "airports", "climate", "currency", "gdp_per_capita", "government_type", "independence", "language", "location",
    "lowest_point", "median_age", "religion", "voting_age",
)  # fmt: skip


class IntersectionFamily(ResearchFamily):
    """Which country's language is X and government type Y?"""

    name = "research_intersection"

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus)
        # Facts that a country shares with so few others that one search shows them all.
        self._rare = self.distinctive(GROUPING, range(2, RESULTS + 1))

    def draw(self, rng: random.Random, split: Split) -> Question | None:
        if not self._rare[split]:
            return None
        one = rng.choice(self._rare[split])
        field = rng.choice([field for field in GROUPING if field != one.field])
        group = self.corpus.holders[one.field, one.value]
        candidates = {member: passage for member in group if (passage := self.corpus.only(member, field)) is not None}
        if len(candidates) < len(group):
            return None
        other = candidates[one.country]
        if not is_short(other.value) or len(self.corpus.holders[field, other.value]) < 2:
            return None
        phrasing = rng.choice(
            ("Which country's {0} is {1} and its {2} {3}?", "Find the country with {0} {1} and {2} {3}.")
        )
        first, second = (one, other) if rng.random() < 0.5 else (other, one)
        members = tuple(passage for member in group for passage in self.corpus.passages(member, one.field))
        return Question(
            prompt=phrasing.format(spoken(first.field), first.value, spoken(second.field), second.value),
            queries=((Both(Equals(one.field, one.value), Equals(field, other.value)), 1),),
            needed=(one, other),
            searches=(
                (one.value_query, members),
                *((query_for(member, field), (passage,)) for member, passage in candidates.items()),
            ),
            countries=(one.country,),
            answer=one.country,
            values=(one.country,),
        )

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        one, other = self.needed(task)
        (query, members), *looks = self.searches(task)
        candidates = {passage.country: (look, passage) for look, (passage,) in looks}
        group = [passage for passage in self.corpus.search(query) if passage in members]
        searcher = self.searcher(task, rng, wrong_branch, moves=2)
        text = phrase(
            rng,
            "[Two facts must hold: {one} and {other}.|Wanted: a country with {one} and {other}.]",
            one=one.line,
            other=other.line,
        )
        yield from searcher.search(query, group, text)
        text = f"{', '.join(passage.country for passage in group)}: which has {other.line}?"
        for member in group:
            look, candidate = candidates[member.country]
            if candidate.evidence.page == member.evidence.page:
                yield from searcher.open(candidate, text)
            else:
                yield from searcher.search(look, (candidate,), text)
            if member.country == one.country:
                break
            text = f"{member.country} has {candidate.line}, not {other.value}. Next."
        return Answer(
            text=f"{one.country} has {one.line} and {other.line}.",
            summary=phrase(rng, "[{country}|It is {country}.]", country=one.country),
        )
