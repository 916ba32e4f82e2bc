"""A chain of facts: a country is found by one fact, another fact of it is read or followed to who shares it."""

from __future__ import annotations

import random

from components.agent.environment import Split, Task
from components.agent.factbook import spoken
from components.tasks.kit.oracle import Answer, Player
from components.tasks.kit.wording import phrase
from components.tasks.research.facts import ASKED, is_short
from components.tasks.research.hidden_country import (
    HiddenCountryFamily,
    ask_for_value,
    described,
    first_thought,
    found_thought,
)
from components.tasks.research.pages import Passage
from components.tasks.research.queries import Equals, Read, Shares
from components.tasks.research.questions import Question
from components.tasks.research.search import query_for

SHARED = ("airports", "currency", "gdp_per_capita", "independence", "life_expectancy", "lowest_point", "median_age")


class ChainFamily(HiddenCountryFamily):
    """What is the currency of the country whose anthem is X? Which other country shares it?"""

    name = "research_chain"

    def ask(self, rng: random.Random, split: Split, identity: Passage) -> Question | None:
        return self._shared(rng, split, identity) if rng.random() < 0.4 else self._value(rng, identity)

    def _value(self, rng: random.Random, identity: Passage) -> Question | None:
        field = rng.choice([field for field in ASKED if field != identity.field])
        passage = self.corpus.only(identity.country, field)
        if passage is None or not is_short(passage.value):
            return None
        return Question(
            prompt=ask_for_value(rng, identity, field),
            queries=((Read(Equals(identity.field, identity.value), field), 1),),
            needed=(identity, passage),
            searches=((identity.value_query, (identity,)), (query_for(identity.country, field), (passage,))),
            countries=(identity.country,),
            answer=passage.value,
            values=(passage.value,),
            hidden=(identity.country,),
        )

    def _shared(self, rng: random.Random, split: Split, identity: Passage) -> Question | None:
        """Another country with the same value."""
        pairs = [
            (one, country)
            for field in SHARED
            if field != identity.field
            and (one := self.corpus.only(identity.country, field)) is not None
            and is_short(one.value)
            and len(holders := self.corpus.holders[field, one.value]) == 2
            for country in holders
            if country != identity.country and country in self.countries[split]
        ]
        if not pairs:
            return None
        one, country = rng.choice(pairs)
        (other,) = self.corpus.passages(country, one.field)
        return Question(
            prompt=phrase(
                rng,
                "[Which other country has the same {field} as {who}?|Find the country with the same {field} as {who}.]",
                field=spoken(one.field),
                who=described(identity),
            ),
            queries=((Shares(Equals(identity.field, identity.value), one.field), 1),),
            needed=(identity, one, other),
            searches=(
                (identity.value_query, (identity,)),
                (query_for(identity.country, one.field), (one,)),
                (one.value_query, (other,)),
            ),
            countries=(identity.country, country),
            answer=country,
            values=(country,),
            hidden=(identity.country,),
        )

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        (about, (identity,)), (query, (one,)), *rest = self.searches(task)
        searcher = self.searcher(task, rng, wrong_branch, moves=2 + len(rest))
        yield from searcher.search(about, (identity,), first_thought(rng, identity))
        yield from searcher.search(query, (one,), found_thought(rng, identity))
        last = one
        for shared, (other,) in rest:
            yield from searcher.search(shared, (other,), f"{one.country} has {one.line}. Who else?")
            last = other
        (value,) = task.payload["values"]
        return Answer(
            text=phrase(rng, "[Found: {line}.|It says {line}.]", line=last.hit),
            summary=phrase(rng, "[{value}|It is {value}.]", value=value),
        )
