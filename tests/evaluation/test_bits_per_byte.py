"""Bits per byte against a computation of its own, and the text it is computed on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from components.core.errors import BadInput
from components.corpus.documents import read_documents
from components.evaluation.bits_per_byte import SEGMENT_TOKENS, by_domain, model_bits, read_held_out, segments
from components.evaluation.checkpoint import Checkpoint
from components.evaluation.ngram import NGramModel
from components.tokenizer import TextTokenizer


def test_text_is_whole_documents_then_a_cut_at_a_token(world: Path, tokenizer: TextTokenizer) -> None:
    texts = [document.text for document in read_documents(world / "data/curated/heldout/code")]
    budget = len(texts[0].encode()) + 1000
    documents = read_held_out(world / "data/curated/heldout", "code", tokenizer, budget)
    assert len(documents) == 2
    assert tokenizer.decode(documents[0].ids[1:].tolist()) == texts[0]
    cut = tokenizer.decode(documents[1].ids[1:].tolist())
    assert texts[1].startswith(cut) and 1000 - 20 < len(cut.encode()) <= 1000
    for document in documents:
        assert document.ids[0] == tokenizer.bos_id
        assert document.token_bytes.sum() == len(tokenizer.decode(document.ids[1:].tolist()).encode())


def test_a_domain_without_text_is_refused(world: Path, tokenizer: TextTokenizer) -> None:
    with pytest.raises(BadInput, match=r"heldout/books.*dvc repro"):
        read_held_out(world / "data/curated/heldout", "books", tokenizer, 1000)


def test_equals_an_independent_computation(world: Path, checkpoint: Checkpoint, tokenizer: TextTokenizer) -> None:
    """Token by token: each from its own forward pass over the context that its window gives it."""
    documents = read_held_out(world / "data/curated/heldout", "code", tokenizer, 700)
    (document,) = documents
    context, quarter = 64, 16
    expected_bits = []
    window_start, window_end = 0, context
    for place in range(1, len(document.ids)):
        if place == window_end:
            window_start, window_end = place - quarter, place - quarter + context
        with torch.no_grad():
            logits_V = checkpoint.model(torch.tensor(document.ids[window_start:place])[None])[0, -1].double()
        expected_bits.append(-torch.log2(torch.softmax(logits_V, dim=0)[document.ids[place]]).item())
    assert window_start > 0, "the text is longer than one window"
    (bits,) = model_bits(checkpoint.model, documents, context_tokens=context)
    assert bits == pytest.approx(expected_bits, abs=1e-4)

    uniform = NGramModel([], order=1, vocab_size=tokenizer.vocab_size, bos_id=tokenizer.bos_id)
    items = segments(documents, [bits], unigram=uniform, five_gram=uniform)
    text_bytes = len(tokenizer.decode(document.ids[1:].tolist()).encode())
    assert by_domain(items, "model")["code"] == pytest.approx(sum(expected_bits) / text_bytes, abs=1e-6)
    tokens = len(document.ids) - 1
    assert by_domain(items, "unigram")["code"] == pytest.approx(tokens * np.log2(512) / text_bytes)


def test_segments_tile_the_text_whatever_the_context(
    world: Path, checkpoint: Checkpoint, tokenizer: TextTokenizer
) -> None:
    documents = read_held_out(world / "data/curated/heldout", "code", tokenizer, 4000)
    uniform = NGramModel([], order=1, vocab_size=tokenizer.vocab_size, bos_id=tokenizer.bos_id)
    found = [
        segments(
            documents,
            model_bits(checkpoint.model, documents, context_tokens=context),
            unigram=uniform,
            five_gram=uniform,
        )
        for context in (64, 128)
    ]
    pieces = [[(item.document, item.segment, item.tokens, item.bytes) for item in items] for items in found]
    assert pieces[0] == pieces[1]
    assert sum(item.tokens for item in found[0]) == sum(len(document.ids) - 1 for document in documents)
    assert sum(item.bytes for item in found[0]) == sum(document.token_bytes.sum() for document in documents)
    assert all(item.tokens <= SEGMENT_TOKENS for item in found[0])
