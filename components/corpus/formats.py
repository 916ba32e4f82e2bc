"""From the bytes of a file to texts, and the hash that pins a folder of files."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import zstandard

from components.core.errors import BadInput
from components.corpus.documents import decompress

if TYPE_CHECKING:
    from components.corpus.catalogue import Format


def decode(path: str, data: bytes, format: Format, text_field: str) -> Iterator[tuple[str, str]]:
    """Path and text of every document in one file; rows of a file are told apart as `path#0`, `path#1`, ...

    Raises BadInput naming the file and the row that cannot be read.
    """
    data = _unpack(path, data)
    if format == "text":
        yield path, _utf8(path, data)
    elif format == "jsonl":
        for number, line in enumerate(_utf8(path, data).split("\n")):
            if line.strip():
                yield f"{path}#{number}", _row_text(path, number, _json_row(path, number, line), text_field)
    else:
        yield from _parquet(path, data, text_field)


def tree_sha256(files: Iterable[tuple[str, bytes]]) -> str:
    """Hash of files: sha256 of lines `<sha256 of the bytes>  <path>`, sorted by path, as `sha256sum` prints them."""
    return _listing_sha256({path: hashlib.sha256(data).hexdigest() for path, data in files})


def verified(where: str, files: Iterable[tuple[str, bytes]], wanted: str) -> Iterator[tuple[str, bytes]]:
    """Pass files on one by one, and raise BadInput after the last unless their `tree_sha256` is `wanted`.

    Whoever writes what comes from here must write whole or not at all: a wrong hash shows at the end. No file at all
    passes: that is another fault, which the caller can name better.
    """
    digests: dict[str, str] = {}
    for path, data in files:
        digests[path] = hashlib.sha256(data).hexdigest()
        yield path, data
    if digests:
        expect_sha256(where, _listing_sha256(digests), wanted)


def _listing_sha256(digests: dict[str, str]) -> str:
    return hashlib.sha256("".join(f"{digests[path]}  {path}\n" for path in sorted(digests)).encode()).hexdigest()


def expect_sha256(where: str, found: str, wanted: str) -> None:
    """Raise BadInput unless the hashes agree."""
    if found != wanted:
        raise BadInput(
            f"{where}: content has sha256 {found}, the catalogue says {wanted}; restore the content, "
            "or correct the catalogue if the change is meant"
        )


def _unpack(path: str, data: bytes) -> bytes:
    try:
        match PurePosixPath(path).suffix:
            case ".gz":
                return gzip.decompress(data)
            case ".zst":
                return decompress(data)
            case _:
                return data
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise BadInput(f"{path}: cannot be unpacked ({error}); fetch it again") from None


def _utf8(path: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 at byte {error.start}; convert it or leave it out with `members`") from None


def _json_row(path: str, number: int, line: str) -> object:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}: row {number}: not JSON: {error}; repair the file") from None


def _row_text(path: str, number: int, row: object, text_field: str) -> str:
    if not isinstance(row, dict) or not isinstance(row.get(text_field), str):
        fields = ", ".join(row) if isinstance(row, dict) else type(row).__name__
        raise BadInput(f"{path}: row {number}: no text in field {text_field!r} (has: {fields}); correct `text_field`")
    return str(row[text_field])


def _parquet(path: str, data: bytes, text_field: str) -> Iterator[tuple[str, str]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        columns = file.schema_arrow.names
        if text_field not in columns:
            raise BadInput(f"{path}: no column {text_field!r} (has: {', '.join(columns)}); correct `text_field`")
        number = 0
        for batch in file.iter_batches(columns=[text_field]):
            for row in batch.to_pylist():
                yield f"{path}#{number}", _row_text(path, number, row, text_field)
                number += 1
    except pa.ArrowException as error:
        raise BadInput(f"{path}: not readable as Parquet: {error}; fetch it again") from None
