"""`corpus`: sources and curation."""

from __future__ import annotations

from pydantic import Field

from components.core.params.section import Section


class Decontamination(Section):
    ngram_words: int = Field(13, ge=5, le=50, description="words (or CJK characters) in a matching window")


class Curation(Section):
    min_words: int = Field(ge=1, description="shorter documents are dropped")
    max_non_alpha_share: float = Field(ge=0, le=1)
    max_duplicate_line_share: float = Field(ge=0, le=1)
    min_language_score: float = Field(ge=0, le=1)
    minhash_threshold: float = Field(gt=0, lt=1, description="estimated Jaccard similarity called a duplicate")
    decontamination: Decontamination


class CorpusParams(Section):
    sources: tuple[str, ...] = Field(min_length=1, description="names in components/corpus/catalogue.yaml")
    held_out_share: float = Field(gt=0, lt=0.5, description="share of documents per domain kept for evaluation")
    curation: Curation
