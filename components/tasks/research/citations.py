"""Cited claims: `The capital of France is Paris [france/government:31-45].`

A claim is the text before one or more citations. It holds when every citation resolves (a page that was opened and is
still what it was, a span inside one line of it) and claim and span agree: the span contains the value, and the claim
names the country, the field and that value. Text without a citation is no claim but a fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.agent.factbook import spoken
from components.tasks.kit.citations import Citation, Claim, contains, normal_words, read_claims
from components.tasks.research.corpus import Corpus
from components.tasks.research.pages import Evidence, Passage

_MAX_EXTRA_WORDS = 8


def cite(evidence: Evidence) -> str:
    return str(Citation(page=evidence.page, start=evidence.start, end=evidence.end))


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
