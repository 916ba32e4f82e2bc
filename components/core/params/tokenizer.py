"""`tokenizer` and `tokens`: the vocabulary, and how documents are packed."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from components.core.params.section import Domain, Section


class TokenizerStage(Section):
    domains: tuple[Domain, ...] = Field(min_length=1)
    vocab_share: float = Field(gt=0, le=1, description="share of the merges learned in this stage")


class TokenizerParams(Section):
    vocab_size: int = Field(ge=300, le=262_144, description="entries, special tokens included")
    max_bytes_per_domain: int = Field(ge=10_000, description="text read per domain, whole documents")
    stages: dict[str, TokenizerStage] = Field(min_length=1)

    @model_validator(mode="after")
    def _shares_make_a_whole(self) -> Self:
        whole = sum(stage.vocab_share for stage in self.stages.values())
        if abs(whole - 1) > 1e-6:
            raise ValueError(f"vocab_share of the stages sums to {whole:.4f}; make them sum to 1")
        return self


class TokensParams(Section):
    row_tokens: tuple[Annotated[int, Field(ge=16)], ...] = Field(
        min_length=1, description="lengths rows are packed to, one pack each"
    )
    shard_rows: int = Field(ge=1, description="rows a shard holds")
