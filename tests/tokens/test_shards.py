"""Token shards on disk: what is written comes back, by content, verified."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from components.core.errors import BadInput
from components.core.lineage import Manifest, read_manifest, sha256_file, verify
from components.core.storage import open_filesystem
from components.tokens import TokenDocument, pack, write_token_shards
from components.tokens.__main__ import app
from components.tokens.shards import SHARD_URL_VARIABLE, open_shards

WriteTokens = Callable[..., Manifest]
FACTS = {"tokenizer_sha256": "f" * 64, "vocab_size": 1000}
document = st.integers(1, 20).flatmap(
    lambda length: st.tuples(
        st.lists(st.integers(0, 2**32 - 1), min_size=length, max_size=length),
        st.none() | st.lists(st.floats(0, 2, width=16), min_size=length, max_size=length),
    )
)


def to_document(drawn: tuple[list[int], list[float] | None]) -> TokenDocument:
    ids, weights = drawn
    given_weights = None if weights is None else np.array(weights, dtype=np.float16)
    return TokenDocument(ids=np.array(ids, dtype=np.uint32), weights=given_weights)


@settings(deadline=None, max_examples=40)
@given(st.lists(document, min_size=1, max_size=12), st.integers(1, 4))
def test_rows_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[list[int], list[float] | None]], shard_rows: int
) -> None:
    directory = tmp_path_factory.mktemp("tokens")
    rows = pack([to_document(one) for one in drawn], 16).rows
    manifest = write_token_shards(
        directory, {("code", 16): rows}, shard_rows=shard_rows, producer="tokenize", facts=FACTS
    )
    assert manifest == read_manifest(directory, "tokenize")
    assert all(
        Path(shard.name).stem == shard.sha256 == sha256_file(directory / shard.name) for shard in manifest.shards
    )
    opened = open_shards(directory, manifest, "code", 16)
    assert all(len(shard) <= shard_rows for shard in opened)
    assert sum(len(shard) for shard in opened) == len(rows)
    stored = [(shard, number) for shard in opened for number in range(len(shard))]
    for row, (shard, number) in zip(rows, stored, strict=True):
        used = len(row.ids)
        assert shard.ids_RL[number, :used].tolist() == row.ids.tolist()
        assert not shard.ids_RL[number, used:].any()
        assert shard.row_ends(number).tolist() == list(row.ends)
        if row.weights is None:
            assert shard.weights_RL is None
        else:
            assert shard.weights_RL is not None
            assert shard.weights_RL[number, :used].tolist() == row.weights.tolist()
            assert not shard.weights_RL[number, used:].any()


def test_totals_and_facts_describe_the_rows(tmp_path: Path) -> None:
    lengths = (5, 9, 16, 3)
    documents = [TokenDocument(ids=np.full(length, 7, dtype=np.uint32)) for length in lengths]
    packs = {("code", size): pack(documents, size, np.full(1000, 2)).rows for size in (8, 16)}
    manifest = write_token_shards(tmp_path, packs, shard_rows=100, producer="tokenize", facts=FACTS)
    assert manifest.facts == {**FACTS, "row_tokens": [8, 16]}
    assert manifest.totals["domains"]["code"] == {
        "8": {"rows": 5, "documents": 6, "tokens": 33, "bytes": 66, "efficiency": 33 / 40},
        "16": {"rows": 3, "documents": 4, "tokens": 33, "bytes": 66, "efficiency": 33 / 48},
    }
    assert sum(shard.tokens for shard in manifest.shards) == 66


def test_columns_are_the_ones_promised(tmp_path: Path) -> None:
    weights = np.ones(3, dtype=np.float16)
    rows = pack([TokenDocument(ids=np.arange(3, dtype=np.uint32), weights=weights)], 4, np.ones(10)).rows
    manifest = write_token_shards(tmp_path, {("agent", 4): rows}, shard_rows=8, producer="tokenize", facts=FACTS)
    with pa.memory_map(str(tmp_path / manifest.shards[0].name)) as source:
        schema = pa.ipc.open_file(source).schema
    assert {field.name: str(field.type) for field in schema} == {
        "ids": "fixed_size_list<item: uint32>[4]",
        "ends": "list<item: int32>",
        "weights": "fixed_size_list<item: halffloat>[4]",
        "bytes": "int64",
    }


def test_writing_twice_gives_the_same_bytes(tmp_path: Path, write_tokens: WriteTokens) -> None:
    first = write_tokens(tmp_path / "a", {"code": 20, "stem": 9})
    second = write_tokens(tmp_path / "b", {"stem": 9, "code": 20})
    assert first == second
    for name in [shard.name for shard in first.shards] + ["manifest.json"]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert {path.name for path in (tmp_path / "a").rglob("*") if path.is_file()} == {
        "manifest.json",
        *(Path(shard.name).name for shard in first.shards),
    }


@pytest.mark.parametrize("damage", ["flipped", "torn", "gone"])
def test_a_damaged_shard_is_refused_by_name(tmp_path: Path, write_tokens: WriteTokens, damage: str) -> None:
    manifest = write_tokens(tmp_path, {"code": 20})
    shard = tmp_path / manifest.shards[1].name
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "gone":
        shard.unlink()
    else:
        shard.write_bytes(content if damage == "flipped" else content[:-100])
    with pytest.raises(BadInput, match=re.escape(str(shard))):
        open_shards(tmp_path, manifest, "code", 12)


@pytest.fixture(params=["directory", "s3"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_server: Any) -> str:
    """A URL to publish to, and an empty shard cache."""
    monkeypatch.setenv("TRIVIUM_HOME", str(tmp_path / "home"))
    if request.param == "directory":
        return str(tmp_path / "bucket")
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{s3_server.bucket}/{tmp_path.name}"


def publish_and_keep_the_manifest(tmp_path: Path, manifest: Manifest, bucket: str) -> Path:
    """Publish by the command line; returns a directory that holds the manifest alone."""
    shown = CliRunner().invoke(app, ["publish", str(tmp_path / "tokens")], env={SHARD_URL_VARIABLE: bucket})
    assert shown.exit_code == 0, shown.output
    assert f"{len(manifest.shards)} shards" in shown.output
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "manifest.json").write_bytes((tmp_path / "tokens" / "manifest.json").read_bytes())
    return alone


def test_published_shards_are_fetched_verified_and_kept(
    tmp_path: Path, write_tokens: WriteTokens, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_tokens(tmp_path / "tokens", {"code": 20})
    alone = publish_and_keep_the_manifest(tmp_path, manifest, bucket)
    with pytest.raises(BadInput, match="shard is missing"):
        open_shards(alone, manifest, "code", 12)

    monkeypatch.setenv(SHARD_URL_VARIABLE, bucket)
    fetched = open_shards(alone, manifest, "code", 12)
    beside = open_shards(tmp_path / "tokens", manifest, "code", 12)
    assert [shard.ids_RL.tolist() for shard in fetched] == [shard.ids_RL.tolist() for shard in beside]
    verify(tmp_path / "home" / "shards", manifest)

    filesystem, root = open_filesystem(bucket)
    filesystem.rm(root, recursive=True)
    assert len(open_shards(alone, manifest, "code", 12)) == len(manifest.shards), "the second opening reads the cache"


def test_a_shard_corrupt_or_missing_in_the_bucket_is_refused(
    tmp_path: Path, write_tokens: WriteTokens, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_tokens(tmp_path / "tokens", {"code": 3})
    alone = publish_and_keep_the_manifest(tmp_path, manifest, bucket)
    monkeypatch.setenv(SHARD_URL_VARIABLE, bucket)
    filesystem, root = open_filesystem(bucket)
    name = manifest.shards[0].name
    filesystem.pipe_file(f"{root}/{name}", filesystem.cat_file(f"{root}/{name}")[::-1])
    with pytest.raises(BadInput, match=re.escape(f"{name}: corrupt in object storage")):
        open_shards(alone, manifest, "code", 12)
    filesystem.rm_file(f"{root}/{name}")
    with pytest.raises(BadInput, match=re.escape(f"{name}: missing in object storage")):
        open_shards(alone, manifest, "code", 12)
    assert not list((tmp_path / "home").rglob("*.arrow"))


def test_publishing_a_torn_directory_is_refused(tmp_path: Path, write_tokens: WriteTokens) -> None:
    manifest = write_tokens(tmp_path / "tokens", {"code": 3})
    (tmp_path / "tokens" / manifest.shards[0].name).unlink()
    shown = CliRunner().invoke(app, ["publish", str(tmp_path / "tokens"), "--url", str(tmp_path / "bucket")])
    assert shown.exit_code == 2
    assert not (tmp_path / "bucket").exists()
