"""Bits per byte of held-out text: what the model needs to write it down, beside what counting baselines need.

A byte is a byte under any tokenizer, so the figure compares models that do not share one. Every scored token stands
for text; begin and end tokens are context only, for the model and the baselines alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from components.core.errors import BadInput
from components.corpus.documents import read_documents
from components.evaluation.ngram import NGramModel
from components.evaluation.scoring import score_rows, sliding_rows
from components.tokenizer import TextTokenizer
from model import MLATransformer

SEGMENT_TOKENS = 128  # one item; the same pieces of text whatever context a checkpoint was trained with
_LOG2_E = float(np.log2(np.e))


@dataclass(frozen=True, kw_only=True)
class HeldOutDocument:
    """One document, or the beginning of the last one, in tokens. `ids[0]` is the begin token; T tokens in all."""

    domain: str
    id: str
    ids: np.ndarray  # (T,) int64
    token_bytes: np.ndarray  # (T,) int64, 0 for the begin token


@dataclass(frozen=True, kw_only=True)
class TextSegment:
    """Up to SEGMENT_TOKENS consecutive tokens of a document: the item that intervals are computed from."""

    domain: str
    document: str
    segment: int
    tokens: int
    bytes: int
    model_bits: float
    unigram_bits: float
    five_gram_bits: float


def read_held_out(directory: Path, domain: str, tokenizer: TextTokenizer, budget_bytes: int) -> list[HeldOutDocument]:
    """Documents of one domain from the first on, until `budget_bytes` of text; the last is cut at a token.

    Raises BadInput if there are none.
    """
    lengths = tokenizer.byte_lengths()
    documents: list[HeldOutDocument] = []
    left_bytes = budget_bytes
    for document in read_documents(directory / domain):
        # Text far beyond the budget is not worth encoding; a margin keeps the cut from changing the tokens before it.
        ids = np.array(tokenizer.encode(document.text[: left_bytes + 256]), dtype=np.int64)
        kept = int(np.searchsorted(np.cumsum(lengths[ids]), left_bytes, side="right"))
        if kept:
            documents.append(
                HeldOutDocument(
                    domain=domain,
                    id=document.id,
                    ids=np.concatenate([[tokenizer.bos_id], ids[:kept]]),
                    token_bytes=np.concatenate([[0], lengths[ids[:kept]]]),
                )
            )
        left_bytes -= int(lengths[ids[:kept]].sum())
        if kept < len(ids):
            break
    if not documents:
        raise BadInput(f"{directory / domain}: holds no text; run `dvc repro curate`, or raise corpus.held_out_share")
    return documents


def model_bits(
    model: MLATransformer,
    documents: Sequence[HeldOutDocument],
    *,
    context_tokens: int,
) -> list[np.ndarray]:
    """Bits (T - 1,) of every token after the first of each document.

    Windows of the trained context slide on by three quarters, so beyond a document's beginning each token has at
    least a quarter of the context before it, and every token is scored once.
    """
    rows, owners = [], []
    for number, document in enumerate(documents):
        cut = sliding_rows(document.ids, context_tokens=context_tokens, overlap_tokens=context_tokens // 4)
        rows += cut
        owners += [number] * len(cut)
    scored = score_rows(model, rows)
    bits: list[list[np.ndarray]] = [[] for _ in documents]
    for owner, row in zip(owners, scored, strict=True):
        bits[owner].append(-row.log_probabilities * _LOG2_E)
    return [np.concatenate(parts) for parts in bits]


def segments(
    documents: Sequence[HeldOutDocument],
    of_model: Sequence[np.ndarray],
    *,
    unigram: NGramModel,
    five_gram: NGramModel,
) -> list[TextSegment]:
    """Cut the documents into segments and sum the model's and both baselines' bits over each."""
    found = []
    for document, model_bits_T in zip(documents, of_model, strict=True):
        unigram_bits_T, five_gram_bits_T = -unigram.score(document.ids), -five_gram.score(document.ids)
        for number, start in enumerate(range(0, len(document.ids) - 1, SEGMENT_TOKENS)):
            span = slice(start, start + SEGMENT_TOKENS)
            found.append(
                TextSegment(
                    domain=document.domain,
                    document=document.id,
                    segment=number,
                    tokens=len(document.ids[1:][span]),
                    bytes=int(document.token_bytes[1:][span].sum()),
                    model_bits=float(model_bits_T[span].sum()),
                    unigram_bits=float(unigram_bits_T[span].sum()),
                    five_gram_bits=float(five_gram_bits_T[span].sum()),
                )
            )
    return found


def by_domain(items: Sequence[TextSegment], scorer: Literal["model", "unigram", "five_gram"]) -> dict[str, float]:
    """Bits per byte of each domain."""
    bits: dict[str, float] = {}
    size_bytes: dict[str, int] = {}
    for item in items:
        bits[item.domain] = bits.get(item.domain, 0.0) + getattr(item, f"{scorer}_bits")
        size_bytes[item.domain] = size_bytes.get(item.domain, 0) + item.bytes
    return {domain: bits[domain] / size_bytes[domain] for domain in bits}
