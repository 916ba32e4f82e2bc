"""The text a checkpoint was trained on, read again row by row: what the counting baselines are trained on.

A checkpoint's manifest records, for every stage since the random weights, which rows it took: the seed of the order,
the row length, and how many rows of each domain. A domain's rows come in an order of its own, whatever they were
mixed with, so each is replayed alone, and agent rows need not be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from components.core.params import TEXT_DOMAINS
from components.tokens import Sample, TrainingOrder

TOKENS = Path("data/tokens")
# Counting every token of a long run would take longer than the evaluation and tell no more.
MAX_TOKENS = 20_000_000


def seen_documents(
    curriculum: Sequence[Mapping[str, Any]], tokens: Path = TOKENS, max_tokens: int = MAX_TOKENS
) -> list[np.ndarray]:
    """Every document, or piece of one, of the text rows trained on, in ids; repeated rows are repeated here.

    Beyond `max_tokens` each stage and domain keeps its share and gives its first rows. Raises BadInput where shards
    are missing or corrupt.
    """
    sources = [
        (entry, domain, int(rows))
        for entry in curriculum
        for domain, rows in sorted(entry["rows_by_domain"].items())
        if domain in TEXT_DOMAINS
    ]
    positions = sum(rows * int(entry["row_tokens"]) for entry, _, rows in sources)
    kept_share = min(1.0, max_tokens / positions) if positions else 1.0
    documents: list[np.ndarray] = []
    for entry, domain, rows in sources:
        order = TrainingOrder([tokens], {domain: 1.0}, int(entry["row_tokens"]), int(entry["order_seed"]))
        for index in range(int(rows * kept_share)):
            documents += _documents_of(order[index])
    return documents


def _documents_of(sample: Sample) -> Iterator[np.ndarray]:
    """The documents of a row; each begins where positions start again, and padding follows the last."""
    used = int(np.count_nonzero(sample.document_ids >= 0))
    starts = np.flatnonzero(sample.positions[:used] == 0)
    yield from np.split(sample.ids[:used], starts[1:])
