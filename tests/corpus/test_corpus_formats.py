"""Files to texts: every format and packing, and the faults people meet."""

import gzip
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from components.core.errors import BadInput
from components.corpus.formats import decode, tree_sha256, verified

_texts = st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=4)


@settings(deadline=None)
@given(texts=_texts, packing=st.sampled_from(["", ".gz", ".zst"]))
def test_rows_come_out_as_they_went_in(texts: list[str], packing: str) -> None:
    packers: dict[str, Callable[[bytes], bytes]] = {
        "": bytes,
        ".gz": gzip.compress,
        ".zst": zstandard.ZstdCompressor().compress,
    }
    pack = packers[packing]
    lines = "\n".join(json.dumps({"body": text}, ensure_ascii=False) for text in texts)
    rows = list(decode(f"a.jsonl{packing}", pack(lines.encode()), "jsonl", "body"))
    assert rows == [(f"a.jsonl{packing}#{number}", text) for number, text in enumerate(texts)]
    table = io.BytesIO()
    parquet.write_table(pa.table({"body": texts}), table)
    assert [text for _, text in decode("a.parquet", table.getvalue(), "parquet", "body")] == texts
    assert list(decode(f"a.txt{packing}", pack(texts[0].encode()), "text", "")) == [(f"a.txt{packing}", texts[0])]


@pytest.mark.parametrize(
    ("path", "data", "format", "says"),
    [
        ("a.txt", b"caf\xe9", "text", "a.txt: not UTF-8 at byte 3"),
        ("a.jsonl", b'{"text": "x"}\n{"text": ', "jsonl", "a.jsonl: row 1: not JSON"),
        ("a.jsonl", b'{"txt": "x"}', "jsonl", r"a.jsonl: row 0: no text in field 'text' \(has: txt\)"),
        ("a.jsonl", b"[1]", "jsonl", "a.jsonl: row 0: no text"),
        ("a.gz", b"no gzip", "text", "a.gz: cannot be unpacked"),
        ("a.gz", gzip.compress(b"torn" * 999, mtime=0)[:-9], "text", "a.gz: cannot be unpacked"),
        ("a.zst", zstandard.ZstdCompressor().compress(b"torn" * 999)[:-3], "text", "a.zst: cannot be unpacked"),
        ("a.zst", b"", "text", "a.zst: cannot be unpacked"),
        ("a.parquet", b"PAR1 no", "parquet", "a.parquet: not readable as Parquet"),
    ],
)
def test_a_faulty_file_is_refused_by_name(path: str, data: bytes, format: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        list(decode(path, data, format, "text"))  # type: ignore[arg-type]


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    table = io.BytesIO()
    parquet.write_table(pa.table({"content": ["a"]}), table)
    with pytest.raises(BadInput, match=r"no column 'text' \(has: content\)"):
        list(decode("a.parquet", table.getvalue(), "parquet", "text"))


def test_the_hash_of_a_folder_is_what_sha256sum_prints_and_not_a_matter_of_order() -> None:
    files = [("b", b"2"), ("a/c", b"1")]
    listing = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files))
    assert tree_sha256(files) == tree_sha256(files[::-1]) == hashlib.sha256(listing.encode()).hexdigest()
    assert list(verified("here", files, tree_sha256(files))) == files
    passed = verified("here", files, "0" * 64)
    assert [next(passed), next(passed)] == files
    with pytest.raises(BadInput, match="here: content has sha256"):
        next(passed)
