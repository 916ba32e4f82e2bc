"""Pages: what the corpus of deep research is made of, and evidence in them.

A page is a section of what is known of one country in one year. Its text is a header line and one line a fact; its
hash and every fact's character span are functions of that text alone.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from components.agent.factbook import spoken

# The Factbook that is shipped is the edition of 2015: its populations are the estimates of July 2015.
EDITION_YEAR = 2015
SECTIONS = {
    "geography": (
        "area_land", "area_total", "climate", "coastline", "highest_point", "location", "lowest_point", "terrain",
    ),
    "people": ("language", "life_expectancy", "median_age", "nationality", "population", "religion"),
    "government": ("anthem", "capital", "government_type", "independence", "voting_age"),
    "economy": ("airports", "currency", "gdp_per_capita", "internet_code", "railways"),
}  # fmt: skip
OTHER_SECTION = "facts"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A span of characters, end excluded, of a page with a given hash."""

    page: str
    sha256: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Passage:
    """One fact as one line of a page."""

    country: str
    field: str
    value: str
    year: int
    evidence: Evidence

    @property
    def line(self) -> str:
        """The line of the page."""
        return f"{spoken(self.field)}: {self.value}"

    @property
    def hit(self) -> str:
        """The line the search tool shows."""
        return f"{self.evidence.page}: {self.country}, {self.line}"

    @property
    def value_query(self) -> str:
        """The search that finds who has this value."""
        return f"{spoken(self.field)} {self.value}"

    @property
    def shown(self) -> str:
        """The line the open tool shows."""
        return f"{self.evidence.start}-{self.evidence.end} {self.line}"


@dataclass(frozen=True, kw_only=True)
class Page:
    """One section of one country. `facts` are (field, value) in the order of the lines, values without line breaks."""

    id: str
    country: str
    section: str
    year: int
    facts: tuple[tuple[str, str], ...]

    @property
    def header(self) -> str:
        return f"{self.country}, {self.section}, {self.year}"

    @cached_property
    def text(self) -> str:
        return "\n".join([self.header, *(f"{spoken(field)}: {value}" for field, value in self.facts)])

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def passages(self) -> tuple[Passage, ...]:
        passages = []
        start = len(self.header) + 1
        for (field, value), line in zip(self.facts, self.text.split("\n")[1:], strict=True):
            span = Evidence(page=self.id, sha256=self.sha256, start=start, end=start + len(line))
            passages.append(Passage(country=self.country, field=field, value=value, year=self.year, evidence=span))
            start += len(line) + 1
        return tuple(passages)

    def render(self) -> str:
        """What the open tool shows: every line with its characters."""
        return "\n".join([f"0-{len(self.header)} {self.header}", *(passage.shown for passage in self.passages)])


def pages_of(facts: Mapping[str, Mapping[str, str]]) -> Iterator[Page]:
    """The pages of countries' facts, at most one a section; a number distinguishes two countries of one slug."""
    taken: dict[str, int] = {}
    for country, values in facts.items():
        slug = _slug(country)
        taken[slug] = taken.get(slug, 0) + 1
        name = slug if taken[slug] == 1 else f"{slug}-{taken[slug]}"
        for section in (*SECTIONS, OTHER_SECTION):
            lines = tuple(
                (field, " ".join(value.split())) for field, value in values.items() if section_of(field) == section
            )
            if lines:
                yield Page(id=f"{name}/{section}", country=country, section=section, year=EDITION_YEAR, facts=lines)


def section_of(field: str) -> str:
    return next((section for section, fields in SECTIONS.items() if field in fields), OTHER_SECTION)


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "country"
