"""The stage `tokenize`: the curated training split to packed token shards.

Each document is BOS, its text, EOS. All of a domain's ids are held in memory at once (4 bytes a token) and packed to
every length of `tokens.row_tokens`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from components.core.files import write_directory, write_json
from components.core.lineage import read_manifest, verify
from components.core.params import TEXT_DOMAINS
from components.core.stage import StageContext
from components.corpus.documents import Document, read_documents
from components.tokenizer import TextTokenizer, load_tokenizer
from components.tokens.rows import PackResult, Row, TokenDocument, pack
from components.tokens.shards import write_token_shards

CURATED = Path("data/curated")
TOKENIZER = Path("artifacts/tokenizer")
OUTPUT = Path("data/tokens")
METRICS = Path("metrics/tokens.json")
PRODUCER = "tokenize"
_BATCH_DOCUMENTS = 256  # enough to keep the library's threads busy


def run(context: StageContext) -> None:
    """Tokenize, pack, write. Raises BadInput where an input is missing or differs from its manifest."""
    params = context.params.tokens
    curated = read_manifest(CURATED, "curate")
    verify(CURATED, curated)
    tokenizer = load_tokenizer(TOKENIZER)
    domains: list[str] = [
        domain for domain in TEXT_DOMAINS if any(shard.name.startswith(f"train/{domain}/") for shard in curated.shards)
    ]
    total = sum(shard.documents for shard in curated.shards if shard.name.startswith("train/"))
    byte_lengths = tokenizer.byte_lengths()
    started_s = time.monotonic()
    done = text_bytes = 0
    packs: dict[tuple[str, int], PackResult] = {}
    for domain in domains:
        documents = []
        for document, text_size in encode_documents(tokenizer, read_documents(CURATED / "train" / domain)):
            documents.append(document)
            done, text_bytes = done + 1, text_bytes + text_size
            context.progress.update(done, total, "documents")
        for row_tokens in params.row_tokens:
            packs[domain, row_tokens] = pack(documents, row_tokens, byte_lengths)
    rows: dict[tuple[str, int], Iterable[Row]] = {key: result.rows for key, result in packs.items()}
    with write_directory(OUTPUT) as directory:
        manifest = write_token_shards(
            directory,
            rows,
            shard_rows=params.shard_rows,
            producer=PRODUCER,
            facts={"tokenizer_sha256": tokenizer.sha256, "vocab_size": tokenizer.vocab_size},
        )
    totals = manifest.totals["domains"]
    for (domain, row_tokens), result in packs.items():
        totals[domain][str(row_tokens)]["cut_documents"] = result.cut_documents
    write_json(METRICS, {"domains": totals, "facts": manifest.facts})
    seconds = time.monotonic() - started_s
    context.tracker.log_metrics({"seconds": seconds, "text_megabytes_per_s": text_bytes / 1e6 / max(seconds, 1e-9)})
    context.tracker.log_metrics(
        {
            f"{name}.{domain}.{length}": metrics[name]
            for domain, lengths in totals.items()
            for length, metrics in lengths.items()
            for name in ("rows", "tokens", "efficiency")
        }
    )


def encode_documents(tokenizer: TextTokenizer, documents: Iterable[Document]) -> Iterator[tuple[TokenDocument, int]]:
    """Each document as ids with BOS and EOS, and the bytes of its text."""
    remaining = iter(documents)
    while batch := [document.text for document in islice(remaining, _BATCH_DOCUMENTS)]:
        for text, ids in zip(batch, tokenizer.encode_batch(batch), strict=True):
            framed = np.array([tokenizer.bos_id, *ids, tokenizer.eos_id], dtype=np.uint32)
            yield TokenDocument(ids=framed), len(text.encode())
