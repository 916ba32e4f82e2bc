"""Cited claims as they are written: `The capital of France is Paris [france/government:31-45].`

A claim is the text before one or more citations. Whether it holds is for the family and for the checks to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CITATION = re.compile(r"\[([a-z0-9/-]+):(\d{1,9})-(\d{1,9})\]")


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
    """What is said, and where it is said to stand."""

    text: str
    citations: tuple[Citation, ...]


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


def contains(text: str, phrase: str) -> bool:
    """Whether the words of a phrase stand in a text, in their order and side by side."""
    words, wanted = normal_words(text), normal_words(phrase)
    return any(words[start : start + len(wanted)] == wanted for start in range(len(words) - len(wanted) + 1))


def normal_words(text: str) -> list[str]:
    """Words in lower case without quotes and the end's punctuation."""
    words = (part.lstrip("\"'“‘").rstrip(".,;:!?\"'”’") for part in text.casefold().split())
    return [word for word in words if word]
