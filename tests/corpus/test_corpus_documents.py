"""Documents and shards: the same in as out, the same bytes each time, torn shards refused."""

from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import BadInput
from components.corpus import documents
from components.corpus.documents import (
    Document,
    clean_text,
    read_documents,
    text_id,
    write_documents,
)
from tests.corpus.conftest import make_document

_metadata = st.dictionaries(st.text(max_size=5), st.integers() | st.text() | st.booleans(), max_size=3)


@given(texts=st.lists(st.tuples(st.text(st.characters(codec="utf-8")), _metadata), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_documents_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, texts: list) -> None:
    folder = tmp_path_factory.mktemp("shards")
    # Not through clean_text: separators and control characters must survive a shard as they are.
    docs = [make_document("x").model_copy(update={"text": text, "metadata": data}) for text, data in texts]
    first = write_documents(folder / "a", docs)
    assert list(read_documents(folder / "a")) == docs
    assert write_documents(folder / "b", docs) == first
    assert (folder / "a/part-00000.jsonl.zst").read_bytes() == (folder / "b/part-00000.jsonl.zst").read_bytes()


@settings(deadline=None)
@given(raw=st.text() | st.text(st.characters(categories=["Cs"])))
def test_cleaned_text_is_storable_and_stable(raw: str) -> None:
    text = clean_text(raw)
    assert text.encode("utf-8").decode("utf-8") == text
    assert "\r" not in text
    assert clean_text(text) == text
    assert len(text_id(text)) == 64


def test_large_collections_go_into_several_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "SHARD_BYTES", 1_000)
    docs = [make_document(f"{number} " * 100) for number in range(10)]
    shards = write_documents(tmp_path, docs)
    assert len(shards) > 1
    assert sum(shard.documents for shard in shards) == 10
    assert list(read_documents(tmp_path)) == docs


def test_a_torn_shard_is_refused_by_name(tmp_path: Path) -> None:
    write_documents(tmp_path, [make_document(f"text {number} " * 50) for number in range(200)])
    shard = tmp_path / "part-00000.jsonl.zst"
    shard.write_bytes(shard.read_bytes()[:-40])
    with pytest.raises(BadInput, match=r"part-00000.*"):
        list(read_documents(tmp_path))
    shard.write_bytes(b"no zstd at all")
    with pytest.raises(BadInput, match=r"part-00000.*corrupt"):
        list(read_documents(tmp_path))


def test_a_line_that_is_no_document_is_refused_by_number(tmp_path: Path) -> None:
    good = make_document("a text").model_dump_json()
    body = f"{good}\n{good[:-2]}\n".encode()
    (tmp_path / "part-00000.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(body))
    reader = read_documents(tmp_path)
    assert isinstance(next(reader), Document)
    with pytest.raises(BadInput, match="line 2"):
        next(reader)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="dvc repro"):
        list(read_documents(tmp_path))
