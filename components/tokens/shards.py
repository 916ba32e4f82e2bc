"""Token shards on disk: Arrow files of packed rows, named by content, read by memory map.

One shard is one Arrow IPC file with one record batch of at most `shard_rows` rows:

    ids      fixed_size_list<uint32, L>    zero-filled behind the last document
    ends     list<int32>                   position after each document; behind the last one is padding
    weights  fixed_size_list<float16, L>   only where the documents have weights; 0 on padding
    bytes    int64, null if not counted    text the row's tokens stand for

It lies at `<domain>/<L>/<sha256>.arrow` below a directory whose manifest lists it. With TRIVIUM_SHARD_URL set, a
shard that is not beside the manifest is fetched from there into the home's shard cache. Every shard is verified
before its first row is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from components.core.lineage import Manifest, Shard, describe_shard, sha256_file, verify, write_manifest
from components.core.paths import home
from components.core.storage import fetch_shard, open_filesystem
from components.tokens.rows import Row

SHARD_URL_VARIABLE = "TRIVIUM_SHARD_URL"


def write_token_shards(
    directory: Path,
    packs: Mapping[tuple[str, int], Iterable[Row]],
    *,
    shard_rows: int,
    producer: str,
    facts: Mapping[str, Any],
) -> Manifest:
    """Write the rows of every (domain, row_tokens) and the manifest; returns the manifest.

    `facts` names at least `tokenizer_sha256` and `vocab_size`: readers compare them. Totals hold rows, documents
    (each piece of a cut one counted), tokens, bytes and packing efficiency per domain and length.
    """
    assert {"tokenizer_sha256", "vocab_size"} <= facts.keys(), "facts name the tokenizer"
    shards: list[Shard] = []
    totals: dict[str, dict[str, dict[str, Any]]] = {}
    for (domain, row_tokens), rows in sorted(packs.items(), key=lambda item: item[0]):
        written, count, text_bytes = [], 0, []
        remaining = iter(rows)
        while group := list(islice(remaining, shard_rows)):
            written.append(_write_shard(directory, Path(domain, str(row_tokens)), group, row_tokens))
            count += len(group)
            text_bytes += [row.bytes for row in group]
        tokens = sum(shard.tokens for shard in written)
        shards += written
        totals.setdefault(domain, {})[str(row_tokens)] = {
            "rows": count,
            "documents": sum(shard.documents for shard in written),
            "tokens": tokens,
            "bytes": None if None in text_bytes else sum(filter(None, text_bytes)),
            "efficiency": tokens / (count * row_tokens) if count else 1.0,
        }
    manifest = Manifest(
        producer=producer,
        shards=tuple(shards),
        totals={"domains": totals},
        facts={**facts, "row_tokens": sorted({row_tokens for _, row_tokens in packs})},
    )
    write_manifest(directory, manifest)
    return manifest


def _write_shard(directory: Path, place: Path, rows: Sequence[Row], row_tokens: int) -> Shard:
    ids_RL = np.zeros((len(rows), row_tokens), dtype=np.uint32)
    weights_RL = np.zeros((len(rows), row_tokens), dtype=np.float16)
    for number, row in enumerate(rows):
        assert 0 < len(row.ids) == row.ends[-1] <= row_tokens, "a row ends where its last document ends"
        ids_RL[number, : len(row.ids)] = row.ids
        weights_RL[number, : len(row.ids)] = 1 if row.weights is None else row.weights
    columns = {
        "ids": pa.FixedSizeListArray.from_arrays(pa.array(ids_RL.reshape(-1)), row_tokens),
        "ends": pa.array([list(row.ends) for row in rows], type=pa.list_(pa.int32())),
        "bytes": pa.array([row.bytes for row in rows], type=pa.int64()),
    }
    if any(row.weights is not None for row in rows):
        columns["weights"] = pa.FixedSizeListArray.from_arrays(pa.array(weights_RL.reshape(-1)), row_tokens)
    batch = pa.RecordBatch.from_pydict(columns)
    (directory / place).mkdir(parents=True, exist_ok=True)
    unnamed = directory / place / "shard.arrow"  # the directory is a temporary one; the name waits for the hash
    with pa.OSFile(str(unnamed), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    path = unnamed.rename(unnamed.with_name(f"{sha256_file(unnamed)}.arrow"))
    return describe_shard(
        directory, path, documents=sum(len(row.ends) for row in rows), tokens=sum(len(row.ids) for row in rows)
    )


@dataclass(frozen=True, kw_only=True)
class TokenShard:
    """One opened shard; the arrays look into the mapped file. R rows of L tokens.

    `ends` are all rows' document ends in one array; row r's are `ends[end_offsets[r]:end_offsets[r + 1]]`.
    """

    ids_RL: np.ndarray
    weights_RL: np.ndarray | None
    ends: np.ndarray
    end_offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.ids_RL)

    def row_ends(self, row: int) -> np.ndarray:
        """(documents,) int32: position after each document of a row."""
        found: np.ndarray = self.ends[self.end_offsets[row] : self.end_offsets[row + 1]]
        return found


def open_shards(directory: Path, manifest: Manifest, domain: str, row_tokens: int) -> list[TokenShard]:
    """Verify and map the shards of one domain and row length, in manifest order.

    Raises BadInput naming the shard that is missing or whose bytes differ from the manifest.
    """
    prefix = f"{domain}/{row_tokens}/"
    chosen = [shard for shard in manifest.shards if shard.name.startswith(prefix)]
    return [_map(_locate(directory, manifest, shard), row_tokens) for shard in chosen]


def publish(directory: Path, manifest: Manifest, url: str) -> None:
    """Copy the shards beside a manifest to `url`, each under its manifest name; the directory stays as it is.

    A shard of that name and size is taken to be there already (names are hashes of the content); readers verify what
    they fetch. Raises BadInput if a shard here is missing or corrupt.
    """
    verify(directory, manifest)
    filesystem, root = open_filesystem(url)
    for shard in manifest.shards:
        target = f"{root.rstrip('/')}/{shard.name}"
        if not filesystem.exists(target) or filesystem.size(target) != shard.size_bytes:
            filesystem.makedirs(target.rpartition("/")[0], exist_ok=True)
            filesystem.put_file(str(directory / shard.name), target)


def _locate(directory: Path, manifest: Manifest, shard: Shard) -> Path:
    url = os.environ.get(SHARD_URL_VARIABLE)
    if url and not (directory / shard.name).exists():
        return fetch_shard(url, shard, home() / "shards")
    verify(directory, manifest.model_copy(update={"shards": (shard,)}))
    return directory / shard.name


def _map(path: Path, row_tokens: int) -> TokenShard:
    with pa.memory_map(str(path)) as source:
        batch = pa.ipc.open_file(source).get_batch(0)
    weights = batch.column("weights") if "weights" in batch.schema.names else None
    ends = batch.column("ends")
    return TokenShard(
        ids_RL=batch.column("ids").values.to_numpy().reshape(-1, row_tokens),
        weights_RL=None if weights is None else weights.values.to_numpy().reshape(-1, row_tokens),
        ends=ends.values.to_numpy(),
        end_offsets=ends.offsets.to_numpy(),
    )
