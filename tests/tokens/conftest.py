"""Small token directories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.lineage import Manifest
from components.tokens import TokenDocument, pack, write_token_shards

WriteTokens = Callable[..., Manifest]


@pytest.fixture(scope="session")
def write_tokens() -> WriteTokens:
    """Write a directory whose domain d has `rows[d]` rows of 12 positions, packed from documents of 6 and 5 tokens.

    Ids tell the domain: 10,000 and up for the first in order of name, 20,000 and up for the second, and so on.
    """

    def write(directory: Path, rows: Mapping[str, int], *, shard_rows: int = 7, **facts: Any) -> Manifest:
        directory.mkdir(parents=True, exist_ok=True)
        packs = {}
        for number, (domain, count) in enumerate(sorted(rows.items())):
            documents = []
            for row in range(count):
                for length in (6, 5):
                    ids = np.full(length, 10_000 * (number + 1) + row, dtype=np.uint32)
                    documents.append(TokenDocument(ids=ids))
            packs[domain, 12] = pack(documents, 12).rows
            assert len(packs[domain, 12]) == count
        known = {"tokenizer_sha256": "a" * 64, "vocab_size": 300, **facts}
        return write_token_shards(directory, packs, shard_rows=shard_rows, producer="tokenize", facts=known)

    return write
