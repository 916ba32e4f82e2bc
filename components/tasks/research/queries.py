"""A small formal language of questions, evaluated over the whole corpus.

Set queries answer with countries: `Everywhere`, `Named`, `Equals`, `Both` (intersection), `Shares` (chain), `Extreme`
(superlative). `Read`, `Facts` and `Count` answer with values. `answers` is full evaluation, so the number of answers is
a proof and no guess. `shorter` leaves out one hop at a time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from components.tasks.research.corpus import Corpus
from components.tasks.research.facts import read_amount


@dataclass(frozen=True)
class Query(ABC):
    """A question without words."""

    @abstractmethod
    def answers(self, corpus: Corpus) -> frozenset[str]:
        """Every answer the corpus supports."""

    def shorter(self) -> Iterator[Query]:
        """The query with one hop left out, for every hop."""
        rest = self.without_hop()
        if rest is not None:
            yield rest
        for field in fields(self):
            part = getattr(self, field.name)
            if isinstance(part, Query):
                yield from (replace(self, **{field.name: left}) for left in part.shorter())

    def without_hop(self) -> Query | None:
        """What is left when the query's own hop is left out; None where it has none."""
        return None


@dataclass(frozen=True)
class Everywhere(Query):
    """All countries."""

    def answers(self, corpus: Corpus) -> frozenset[str]:
        return frozenset(corpus.countries)


@dataclass(frozen=True)
class Named(Query):
    """Countries the question names: given, so no hop."""

    countries: tuple[str, ...]

    def answers(self, corpus: Corpus) -> frozenset[str]:
        return frozenset(self.countries) & frozenset(corpus.countries)


@dataclass(frozen=True)
class Equals(Query):
    """Countries with a value of a field."""

    field: str
    value: str

    def answers(self, corpus: Corpus) -> frozenset[str]:
        return frozenset(corpus.holders.get((self.field, self.value), ()))

    def without_hop(self) -> Query:
        return Everywhere()


@dataclass(frozen=True)
class Both(Query):
    """Countries in both sets."""

    one: Query
    other: Query

    def answers(self, corpus: Corpus) -> frozenset[str]:
        return self.one.answers(corpus) & self.other.answers(corpus)


@dataclass(frozen=True)
class Shares(Query):
    """Countries that share their value of a field with another one, which is in `of`."""

    of: Query
    field: str

    def answers(self, corpus: Corpus) -> frozenset[str]:
        return frozenset(
            other
            for country in self.of.answers(corpus)
            for passage in corpus.passages(country, self.field)
            for other in corpus.holders[self.field, passage.value]
            if other != country
        )

    def without_hop(self) -> Query:
        return Everywhere()


@dataclass(frozen=True)
class Extreme(Query):
    """The countries of a set with the highest (or lowest) amount. Nothing is proven, and so nothing is answered, where
    a country of the set has no amount or two that differ."""

    of: Query
    field: str
    highest: bool

    def answers(self, corpus: Corpus) -> frozenset[str]:
        amounts: dict[str, float] = {}
        for country in self.of.answers(corpus):
            found = {read_amount(passage.value) for passage in corpus.passages(country, self.field)}
            amount = found.pop() if len(found) == 1 else None
            if amount is None:
                return frozenset()
            amounts[country] = amount
        if not amounts:
            return frozenset()
        best = (max if self.highest else min)(amounts.values())
        return frozenset(country for country, amount in amounts.items() if amount == best)

    def without_hop(self) -> Query:
        return self.of


@dataclass(frozen=True)
class Read(Query):
    """The values of a field in a set."""

    of: Query
    field: str

    def answers(self, corpus: Corpus) -> frozenset[str]:
        return frozenset(
            passage.value for country in self.of.answers(corpus) for passage in corpus.passages(country, self.field)
        )

    def without_hop(self) -> Query:
        return Facts(self.of)


@dataclass(frozen=True)
class Facts(Query):
    """Every value known of a set: `Read` without its field."""

    of: Query

    def answers(self, corpus: Corpus) -> frozenset[str]:
        countries = self.of.answers(corpus)
        return frozenset(
            passage.value for page in corpus.pages.values() if page.country in countries for passage in page.passages
        )


@dataclass(frozen=True)
class Count(Query):
    """How many a set holds."""

    of: Query

    def answers(self, corpus: Corpus) -> frozenset[str]:
        return frozenset((str(len(self.of.answers(corpus))),))
