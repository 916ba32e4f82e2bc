"""A search as an oracle makes it: the query, a query that misses, and the turns of both."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from components.agent.environment import Observation
from components.agent.factbook import SEARCH, spoken
from components.agent.messages import ToolCall
from components.tasks.kit.oracle import Mistake, Moves, Turn
from components.tasks.kit.wording import phrase
from components.tasks.research.facts import ASKED

_VAGUE = "facts about the country"


@dataclass(frozen=True, kw_only=True)
class SearchWording:
    """Patterns of `phrase`: the plan and the plan after a mistake with the slot `query`; the complaint about the first
    `line` that came back instead of the `field` of the `country`."""

    plan: str = "[Search {query}.|Search for {query}.|Look for {query}.]"
    plan_again: str = "[Search {query} instead.|Search again: {query}.|Ask for {query}.]"
    complaint: str

    def complain(self, rng: random.Random, seen: Observation, country: str, field: str) -> str:
        """Quotes the first line that came back: it is not the fact that was asked."""
        line = seen.content.splitlines()[0]
        return phrase(rng, self.complaint, line=line, country=country, field=spoken(field))


def query_for(country: str, field: str) -> str:
    return f"{country} {spoken(field)}"


def wrong_queries(rng: random.Random, query: str, field: str, countries: Sequence[str]) -> list[str]:
    """Queries that may miss the field: another field, another country, no country at all."""
    others = [spoken(other) for other in ASKED if spoken(other) not in query]
    about = query.replace(spoken(field), "").strip()
    return [f"{about} {rng.choice(others)}", query_for(rng.choice(countries), field), spoken(field)]


def first_useless(queries: Sequence[str], is_useless: Callable[[str], bool]) -> str:
    """The first query that brings nothing needed; a vague one may be the last resort."""
    return next(query for query in (*queries, _VAGUE) if is_useless(query))


def search(
    rng: random.Random,
    query: str,
    wanted: Sequence[str],
    text: str,
    wording: SearchWording,
    *,
    country: str,
    field: str,
    wrong_query: str | None = None,
) -> Moves:
    """Search for a field of a country until the lines `wanted` are shown; first with `wrong_query`, which shows none
    of them."""
    plan = wording.plan
    if wrong_query is not None:
        seen = yield Mistake(
            name="wrong search",
            text=text,
            plan=phrase(rng, plan, query=wrong_query),
            call=_call(wrong_query),
            shows=lambda seen: set(wanted).isdisjoint(seen.content.splitlines()),
        )
        text, plan = wording.complain(rng, seen, country, field), wording.plan_again
    seen = yield Turn(text=text, plan=phrase(rng, plan, query=query), call=_call(query))
    assert set(wanted) <= set(seen.content.splitlines()), (query, seen)


def _call(query: str) -> ToolCall:
    return ToolCall(name=SEARCH.name, arguments={"query": query})
