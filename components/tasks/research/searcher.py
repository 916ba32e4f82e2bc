"""How an oracle of deep research moves: searches and opened pages, one of them wrong where a wrong branch is asked for.

A wrong move is really made. Its observation really brings nothing new that the answer needs, the reflection quotes what
came instead, and the next move repairs it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from components.agent.messages import ToolCall
from components.tasks.kit.oracle import Mistake, Moves, Turn
from components.tasks.kit.wording import phrase
from components.tasks.research.corpus import Corpus
from components.tasks.research.environment import OPEN
from components.tasks.research.pages import Passage
from components.tasks.research.search import SearchWording, first_useless, search, wrong_queries

# The country is often what is searched for, so no complaint names it.
_WORDING = SearchWording(
    complaint="[{line} is not the {field} wanted.|That gives {line}, not the {field}."
    "|No {field} to be used here, only {line}.]"
)
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

    def search(self, query: str, wanted: Sequence[Passage], text: str) -> Moves:
        """Search until `wanted` is shown. `text` stands in the turn of the first call."""
        country, field = wanted[0].country, wanted[0].field
        wrong = self._wrong_query(query, wanted) if self._goes_wrong() else None
        lines = [passage.hit for passage in wanted]
        yield from search(self.rng, query, lines, text, _WORDING, country=country, field=field, wrong_query=wrong)
        shown = self.corpus.search(query)
        self._unread.difference_update(shown)
        self.pages_seen = list(dict.fromkeys(passage.evidence.page for passage in shown))

    def open(self, wanted: Passage, text: str) -> Moves:
        """Open the page of `wanted`."""
        page = wanted.evidence.page
        verb = phrase(self.rng, "[Open|Read|Look into]")
        plan = f"{verb} {page}."
        if self._goes_wrong():
            wrong = self._wrong_page(wanted)
            seen = yield Mistake(
                name="wrong page",
                text=text,
                plan=f"{verb} {wrong}.",
                call=_open(wrong),
                shows=lambda seen: wanted.shown not in seen.content.splitlines(),
            )
            text = _WORDING.complain(self.rng, seen, wanted.country, wanted.field)
            plan = phrase(self.rng, "[Open {page} instead.|Rather read {page}.]", page=page)
        seen = yield Turn(text=text, plan=plan, call=_open(page))
        assert wanted.shown in seen.content.splitlines(), (page, seen)
        self._unread.difference_update(self.corpus.pages[page].passages)

    def _goes_wrong(self) -> bool:
        self._moves += 1
        return self._moves - 1 == self._wrong_at

    def _wrong_query(self, query: str, wanted: Sequence[Passage]) -> str:
        queries = wrong_queries(self.rng, query, wanted[0].field, self.corpus.countries)
        first = queries[: self.rng.randint(1, len(queries))]
        self.rng.shuffle(first)
        useless = {*self._unread, *wanted}.isdisjoint
        return first_useless((*first, *queries), lambda tried: useless(self.corpus.search(tried)))

    def _wrong_page(self, wanted: Passage) -> str:
        """A page the last search showed that holds nothing needed, or one that does not exist."""
        useless = {*self._unread, wanted, *self.corpus.passages(wanted.country, wanted.field)}.isdisjoint
        pages = [page for page in self.pages_seen if useless(self.corpus.pages[page].passages)]
        return self.rng.choice(pages) if pages else _NO_PAGE


def _open(page: str) -> ToolCall:
    return ToolCall(name=OPEN.name, arguments={"page": page})
