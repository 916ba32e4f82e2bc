"""What is known of the countries, and the search tool over it.

`Knowledge` is built from the Factbook documents' metadata: short values by country and field. Each fact is one passage
of a full-text index (SQLite FTS5, ranked by BM25, in memory); the search tool returns the best few as short lines.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from components.agent.environment import Observation
from components.agent.messages import ToolSpec
from components.core.errors import BadInput
from components.corpus.documents import Document, read_documents

FACTBOOK = Path("data/raw/factbook")
SEARCH = ToolSpec(
    name="search",
    description="Facts about countries",
    parameters={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)
NO_RESULTS = "no results"
NO_WORDS = "the query has no words"
_RESULTS = 2
_MAX_QUERY_WORDS = 16
_STOP_WORDS = frozenset(("a", "an", "are", "does", "have", "in", "is", "it", "its", "of", "the", "what", "which"))

# Field names of the documents as people say them; a field not named here is its own name.
_SPOKEN = {
    "area_total": "total area",
    "area_land": "land area",
    "government_type": "government type",
    "independence": "independence day",
    "gdp_per_capita": "GDP per capita",
    "internet_code": "internet code",
}


class Knowledge:
    """Facts by country and field, with a full-text index. Not shared between threads."""

    def __init__(self, facts: Mapping[str, Mapping[str, str]]) -> None:
        self.facts: dict[str, dict[str, str]] = {
            country: dict(sorted(facts[country].items())) for country in sorted(facts)
        }
        self._index = sqlite3.connect(":memory:")
        self._index.execute(
            "CREATE VIRTUAL TABLE passage USING fts5(country, field, value, tokenize='unicode61 remove_diacritics 2')"
        )
        self._index.executemany(
            "INSERT INTO passage VALUES (?, ?, ?)",
            [
                (country, spoken(field), value)
                for country, fields in self.facts.items()
                for field, value in fields.items()
            ],
        )

    @classmethod
    def load(cls, directory: Path = FACTBOOK) -> Knowledge:
        """Read the Factbook documents. Raises BadInput if they are missing or name no country."""
        return cls.from_documents(read_documents(directory), str(directory))

    @classmethod
    def from_documents(cls, documents: Iterable[Document], origin: str = "documents") -> Knowledge:
        facts: dict[str, dict[str, str]] = {}
        for document in documents:
            country, fields = document.metadata.get("country"), document.metadata.get("fields")
            if isinstance(country, str) and isinstance(fields, dict):
                facts.setdefault(country, {str(name): str(value) for name, value in fields.items()})
        if not any(facts.values()):
            raise BadInput(f"{origin}: no document names a country with fields; run `dvc repro ingest`")
        return cls(facts)

    def search(self, query: str) -> Observation:
        """The best passages for the words of `query`, one a line."""
        words = match_expression(query)
        if words is None:
            return Observation(status="error", content=NO_WORDS)
        rows = self._index.execute(
            "SELECT country, field, value FROM passage WHERE passage MATCH ? "
            "ORDER BY bm25(passage, 2.0, 1.5, 0.5), rowid LIMIT ?",
            (words, _RESULTS),
        )
        return Observation(status="ok", content="\n".join(_line(*row) for row in rows) or NO_RESULTS)

    def passage(self, country: str, field: str) -> str:
        """The line the search tool shows for one fact."""
        return _line(country, spoken(field), self.facts[country][field])


def match_expression(query: str) -> str | None:
    """A person's query as an FTS5 expression, any of its words; None where it has none."""
    found = re.findall(r"\w+", query.lower())
    words = list(dict.fromkeys(word for word in found if word not in _STOP_WORDS))[:_MAX_QUERY_WORDS]
    return " OR ".join(f'"{word}"' for word in words) or None


def spoken(field: str) -> str:
    """A field's name as people say it."""
    return _SPOKEN.get(field, field.replace("_", " "))


def _line(country: str, field: str, value: str) -> str:
    return f"{country}, {field}: {value}"
