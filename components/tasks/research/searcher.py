"""How an oracle moves: searches and opened pages, one of them wrong where a wrong branch is asked for.

A wrong move is really made. Its observation really brings nothing new that the answer needs, the reflection quotes what
came instead, and the next move repairs it.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterable

from components.agent.environment import Label, Observation, OracleStep
from components.agent.factbook import SEARCH, spoken
from components.agent.messages import ToolCall
from components.tasks.research.corpus import Corpus
from components.tasks.research.environment import OPEN
from components.tasks.research.lookups import ASKED
from components.tasks.research.pages import Passage

Moves = Generator[OracleStep, Observation, None]
_NO_PAGE = "index"


class Searcher:
    """One episode's moves towards the passages an answer needs. The move with the number `wrong_at` goes wrong first;
    None: none does."""

    def __init__(self, rng: random.Random, corpus: Corpus, needed: Iterable[Passage], wrong_at: int | None) -> None:
        self.rng = rng
        self.corpus = corpus
        self._unread = set(needed)
        self._wrong_at = wrong_at
        self._moves = 0
        self.pages_seen: list[str] = []  # ids the last search showed

    def search(self, words: str, wanted: tuple[Passage, ...], *, analysis: str = "", reflection: str = "") -> Moves:
        """Search until `wanted` is shown. The thought given stands in the turn of the first call."""
        if self._goes_wrong():
            tried = self._mistake(words, wanted)
            observation = yield OracleStep(
                analysis=analysis, reflection=reflection, plan=self._plan(tried), call=_search(tried), label="wrong"
            )
            complaint = self._complaint(observation.content.splitlines()[0], wanted[0])
            observation = yield OracleStep(
                reflection=complaint,
                plan=self.rng.choice(("Search {} instead.", "Search again: {}.", "Ask for {}.")).format(words),
                call=_search(words),
                label="recovery",
            )
        else:
            observation = yield OracleStep(
                analysis=analysis, reflection=reflection, plan=self._plan(words), call=_search(words)
            )
        assert {passage.hit for passage in wanted} <= set(observation.content.splitlines()), (words, observation)
        shown = self.corpus.search(words)
        self._unread.difference_update(shown)
        self.pages_seen = list(dict.fromkeys(passage.evidence.page for passage in shown))

    def open(self, wanted: Passage, *, reflection: str) -> Moves:
        """Open the page of `wanted`."""
        page = wanted.evidence.page
        plan = self.rng.choice(("Open {}.", "Read {}.", "Look into {}."))
        label: Label = "good"
        said, plan_said = reflection, plan.format(page)
        if self._goes_wrong():
            rivals = self.corpus.passages(wanted.country, wanted.field)
            useless = {*self._unread, wanted, *rivals}.isdisjoint
            others = [other for other in self.pages_seen if useless(self.corpus.pages[other].passages)]
            tried = self.rng.choice(others) if others else _NO_PAGE
            observation = yield OracleStep(
                reflection=reflection, plan=plan.format(tried), call=_open(tried), label="wrong"
            )
            said = self._complaint(observation.content.splitlines()[0], wanted)
            label, plan_said = "recovery", self.rng.choice(("Open {} instead.", "Rather read {}.")).format(page)
        observation = yield OracleStep(reflection=said, plan=plan_said, call=_open(page), label=label)
        assert wanted.shown in observation.content.splitlines()
        self._unread.difference_update(self.corpus.pages[page].passages)

    def _goes_wrong(self) -> bool:
        self._moves += 1
        return self._moves - 1 == self._wrong_at

    def _plan(self, words: str) -> str:
        return self.rng.choice(("Search {}.", "Search for {}.", "Look for {}.")).format(words)

    def _mistake(self, words: str, wanted: tuple[Passage, ...]) -> str:
        """A query that brings nothing needed: another field, another country, the field alone."""
        field = spoken(wanted[0].field)
        others = [spoken(other) for other in ASKED if spoken(other) not in words]
        queries = [
            f"{words.replace(field, '').strip()} {self.rng.choice(others)}",
            f"{self.rng.choice(self.corpus.countries)} {field}",
            field,
            "facts about the country",
        ]
        first = queries[: self.rng.randint(1, 3)]
        self.rng.shuffle(first)
        useless = {*self._unread, *wanted}.isdisjoint
        return next(query for query in (*first, *queries) if useless(self.corpus.search(query)))

    def _complaint(self, line: str, wanted: Passage) -> str:
        return self.rng.choice(
            ("{1} is not the {0} wanted.", "That gives {1}, not the {0}.", "No {0} to be used here, only {1}.")
        ).format(spoken(wanted.field), line)


def _search(words: str) -> ToolCall:
    return ToolCall(name=SEARCH.name, arguments={"query": words})


def _open(page: str) -> ToolCall:
    return ToolCall(name=OPEN.name, arguments={"page": page})
