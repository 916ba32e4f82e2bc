"""The document: what every part of the corpus passes on, and the shards that hold it.

A shard is zstd-compressed JSON lines. The same documents always give the same bytes: fields in one order, no
times, one compression level, one thread. A document's id is the hash of its text, so equal texts have equal ids.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import zstandard
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.core.errors import BadInput
from components.core.lineage import Shard, describe_shard
from components.core.params import Domain
from components.core.validation import first_fault

SHARD_SUFFIX = ".jsonl.zst"
SHARD_BYTES = 64 * 2**20  # text a shard holds before the next one starts: few files, each quick to verify
_ZSTD_LEVEL = 9


class Document(BaseModel):
    """One text with where it came from and under which terms."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(description="sha256 of the UTF-8 text, in hexadecimal")
    text: str
    domain: Domain
    language: str = Field(description="ISO 639-1 code, or the name of a programming language")
    source: str = Field(description="name in the catalogue")
    licence: str = Field(description="SPDX identifier, or `public-domain`")
    path: str = Field(description="where the text lies inside its source")
    metadata: dict[str, Any] = Field(default_factory=dict)


def text_id(text: str) -> str:
    """The id of a document with this text."""
    return hashlib.sha256(text.encode()).hexdigest()


def clean_text(text: str) -> str:
    """What every source's text goes through: Unix line ends, no byte-order mark, nothing that UTF-8 cannot hold.

    A lone surrogate (JSON can smuggle one in) becomes U+FFFD, which the corpus check counts.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").strip()
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def read_documents(directory: Path) -> Iterator[Document]:
    """All documents of the shards below `directory`, in the order of the shards' paths.

    Raises BadInput if there is no shard, or naming the shard and line that cannot be read.
    """
    shards = sorted(directory.rglob(f"*{SHARD_SUFFIX}"), key=lambda path: path.relative_to(directory).as_posix())
    if not shards:
        raise BadInput(f"{directory}: holds no *{SHARD_SUFFIX} shard; run `dvc repro` for the stage that writes it")
    for shard in shards:
        yield from read_shard(shard)


def read_shard(path: Path) -> Iterator[Document]:
    """The documents of one shard. Raises BadInput naming the line that cannot be read."""
    for number, line in enumerate(read_lines(path), start=1):
        try:
            yield Document.model_validate_json(line)
        except ValidationError as error:
            raise BadInput(f"{path}: line {number}: {first_fault(error)}; restore the shard") from None


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a zstd-compressed text file. Raises BadInput if it is torn or not UTF-8."""
    try:
        # Bytes are split, not text: a separator that only Unicode knows must not end a line.
        yield from (line.decode("utf-8") for line in decompress(path.read_bytes()).split(b"\n") if line)
    except (zstandard.ZstdError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: shard is corrupt ({error}); restore it, for instance with `dvc checkout`") from None


def decompress(data: bytes) -> bytes:
    """Unpack all frames. Raises zstandard.ZstdError for a torn one or none; the library's stream reader takes both."""
    if not data:
        raise zstandard.ZstdError("the file is empty")
    parts: list[bytes] = []
    while data:
        frame = zstandard.ZstdDecompressor().decompressobj()
        parts.append(frame.decompress(data))
        if not frame.eof:
            raise zstandard.ZstdError("the last frame is incomplete")
        data = frame.unused_data
    return b"".join(parts)


def write_documents(directory: Path, docs: Iterable[Document]) -> list[Shard]:
    """Write documents in the order given as `part-00000.jsonl.zst` and so on; equal documents give equal bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    shards: list[Shard] = []
    lines: list[bytes] = []
    size_bytes = 0
    for document in docs:
        line = document.model_dump_json().encode() + b"\n"
        lines.append(line)
        size_bytes += len(line)
        if size_bytes >= SHARD_BYTES:
            shards.append(_write_shard(directory, len(shards), lines))
            lines, size_bytes = [], 0
    if lines:
        shards.append(_write_shard(directory, len(shards), lines))
    return shards


def write_lines(path: Path, rows: Iterable[object], *, level: int = _ZSTD_LEVEL) -> None:
    """Write one JSON value a line, zstd-compressed, in a stable form."""
    body = b"".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for row in rows)
    path.write_bytes(zstandard.ZstdCompressor(level=level).compress(body))


def _write_shard(directory: Path, index: int, lines: list[bytes]) -> Shard:
    path = directory / f"part-{index:05d}{SHARD_SUFFIX}"
    path.write_bytes(zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(b"".join(lines)))
    return describe_shard(directory, path, documents=len(lines))
