"""Cited claims: `The capital of France is Paris [france/government:31-45].`

A claim is the text before one or more citations. It holds when every citation resolves (a page that was opened and is
still what it was, a span inside one line of it) and claim and span agree: the span contains the value, and the claim
names the country, the field and that value. Text without a citation is no claim but a fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.agent.factbook import spoken
from components.tasks.research.corpus import Corpus
from components.tasks.research.facts import contains, normal_words
from components.tasks.research.pages import Evidence, Passage

_CITATION = re.compile(r"\[([a-z0-9/-]+):(\d{1,9})-(\d{1,9})\]")
_MAX_EXTRA_WORDS = 8


@dataclass(frozen=True, kw_only=True)
class Citation:
    """A span of a page as an answer names it, without the page's hash."""

    page: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"[{self.page}:{self.start}-{self.end}]"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A text and the spans it is cited with."""

    text: str
    citations: tuple[Citation, ...]


def cite(evidence: Evidence) -> str:
    return str(Citation(page=evidence.page, start=evidence.start, end=evidence.end))


def read_claims(answer: str) -> tuple[Claim, ...]:
    """The claims of an answer in their order; what follows the last citation is a claim without one."""
    claims: list[Claim] = []
    text, citations = "", list[Citation]()
    end = 0
    for match in _CITATION.finditer(answer):
        between = answer[end : match.start()]
        if normal_words(between) and citations:
            claims.append(Claim(text=text, citations=tuple(citations)))
            text, citations = "", []
        text += between
        citations.append(Citation(page=match[1], start=int(match[2]), end=int(match[3])))
        end = match.end()
    if citations:
        claims.append(Claim(text=text, citations=tuple(citations)))
    if normal_words(answer[end:]):
        claims.append(Claim(text=answer[end:], citations=()))
    return tuple(claims)


def resolve(evidence: Evidence, corpus: Corpus) -> Passage | str:
    """The passage a span stands in, or what is wrong: no such page, another hash, a span not inside one fact."""
    page = corpus.pages.get(evidence.page)
    if page is None:
        return f"no page {evidence.page}"
    if page.sha256 != evidence.sha256:
        return f"{evidence.page} has another hash"
    for passage in page.passages:
        if passage.evidence.start <= evidence.start < evidence.end <= passage.evidence.end:
            if contains(page.text[evidence.start : evidence.end], passage.value):
                return passage
            return f"{evidence.page}:{evidence.start}-{evidence.end} does not hold the value"
    return f"{evidence.page}:{evidence.start}-{evidence.end} is no span of one line"


def citation_fault(
    answer: str, wanted: Sequence[Passage], corpus: Corpus, opened: Mapping[str, str], *, dated: bool
) -> str | None:
    """What is wrong with a report, in one line, or None: all it claims holds and all that is wanted is claimed.

    `opened` gives the hash of each page the episode opened. With `dated` each claim names the year of its page.
    """
    supported: set[Passage] = set()
    for claim in read_claims(answer):
        if not claim.citations:
            return f"uncited: {claim.text.strip()[:60]}"
        for citation in claim.citations:
            if citation.page not in opened:
                return f"{citation.page} was not opened"
            evidence = Evidence(
                page=citation.page, sha256=opened[citation.page], start=citation.start, end=citation.end
            )
            passage = resolve(evidence, corpus)
            if isinstance(passage, str):
                return passage
            fault = _disagreement(claim, passage, dated)
            if fault:
                return fault
            supported.add(passage)
    missing = next((passage for passage in wanted if passage not in supported), None)
    return f"nothing on {missing.line}" if missing else None


def _disagreement(claim: Claim, passage: Passage, dated: bool) -> str | None:
    """Which part of the cited passage the claim does not name, or that it has too many words beside."""
    parts = [passage.country, spoken(passage.field), passage.value]
    if dated:
        parts.append(str(passage.year))
    absent = next((part for part in parts if not contains(claim.text, part)), None)
    if absent:
        return f"{absent} is not claimed beside {passage.evidence.page}"
    if len(normal_words(claim.text)) > sum(len(normal_words(part)) for part in parts) + _MAX_EXTRA_WORDS:
        return f"a claim beside {passage.evidence.page} says more than its source"
    return None
