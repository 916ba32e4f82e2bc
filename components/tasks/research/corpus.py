"""The corpus of deep research: pages that can be searched by their words and opened by their id.

The index is SQLite FTS5 in memory, ranked by BM25, one row a fact. `with_pages` gives one episode a corpus of its own:
the index is copied, the new pages are ranked among all others, and only that episode sees them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import lru_cache

from components.agent.factbook import Knowledge, match_expression, spoken
from components.tasks.research.pages import Evidence, Page, Passage, pages_of

RESULTS = 4
_REMEMBERED_SEARCHES = 256  # a question is proven, asked and answered with the same few queries


class Corpus:
    """Pages with a full-text index; `holders` are the countries by (field, value). Not shared between threads."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self.pages: dict[str, Page] = {}
        self.countries: tuple[str, ...] = ()
        self.holders: dict[tuple[str, str], tuple[str, ...]] = {}
        self.search = lru_cache(_REMEMBERED_SEARCHES)(self._search)
        self._rows: list[Passage] = []
        self._by_fact: dict[tuple[str, str], tuple[Passage, ...]] = {}
        # isolation_level=None: else an insert leaves a transaction open, and a backup waits for its end for ever.
        self._index = sqlite3.connect(":memory:", isolation_level=None)
        self._index.execute(
            "CREATE VIRTUAL TABLE passage USING fts5(country, field, value, tokenize='unicode61 remove_diacritics 2')"
        )
        self._add(pages)

    @classmethod
    def of(cls, knowledge: Knowledge) -> Corpus:
        return cls(pages_of(knowledge.facts))

    def with_pages(self, *pages: Page) -> Corpus:
        """This corpus and some pages more. Their ids must be new."""
        corpus = Corpus(())
        self._index.backup(corpus._index)
        corpus.pages, corpus.countries, corpus._rows = dict(self.pages), self.countries, list(self._rows)
        corpus.holders, corpus._by_fact = dict(self.holders), dict(self._by_fact)
        corpus._add(pages)
        return corpus

    def passages(self, country: str, field: str) -> tuple[Passage, ...]:
        """Every passage about a field of a country, in the order the pages were added."""
        return self._by_fact.get((country, field), ())

    def only(self, country: str, field: str) -> Passage | None:
        """The passage about a field of a country where there is exactly one."""
        found = self.passages(country, field)
        return found[0] if len(found) == 1 else None

    def passage(self, evidence: Evidence) -> Passage:
        """The passage of this evidence, which must be one of the corpus."""
        return next(passage for passage in self.pages[evidence.page].passages if passage.evidence == evidence)

    def _search(self, query: str) -> tuple[Passage, ...]:
        """The passages that best match any word of `query`, best first."""
        words = match_expression(query)
        if words is None:
            return ()
        rows = self._index.execute(
            "SELECT rowid FROM passage WHERE passage MATCH ? ORDER BY bm25(passage, 2.0, 1.5, 0.5), rowid LIMIT ?",
            (words, RESULTS),
        )
        return tuple(self._rows[row - 1] for (row,) in rows)

    def _add(self, pages: Iterable[Page]) -> None:
        new: list[Passage] = []
        for page in pages:
            assert page.id not in self.pages, f"two pages {page.id}"
            self.pages[page.id] = page
            new += page.passages
        self._index.executemany(
            "INSERT INTO passage(rowid, country, field, value) VALUES (?, ?, ?, ?)",
            [
                (row, passage.country, spoken(passage.field), passage.value)
                for row, passage in enumerate(new, start=len(self._rows) + 1)
            ],
        )
        self.countries = tuple(dict.fromkeys((*self.countries, *(passage.country for passage in new))))
        self._rows += new
        for passage in new:
            key = passage.country, passage.field
            self._by_fact[key] = (*self._by_fact.get(key, ()), passage)
            holders = self.holders.get((passage.field, passage.value), ())
            if passage.country not in holders:
                self.holders[passage.field, passage.value] = (*holders, passage.country)
