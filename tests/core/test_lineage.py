"""Directories appear whole or not at all; damage is refused by name."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import BadInput
from components.core.files import write_directory
from components.core.lineage import (
    Manifest,
    canonical_json,
    describe_shard,
    read_manifest,
    stage_identity,
    verify,
    write_manifest,
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    target = tmp_path / "data" / "out"
    with write_directory(target) as temporary:
        (temporary / "a.bin").write_bytes(b"some bytes")
        shards = (describe_shard(temporary, temporary / "a.bin", documents=1),)
        write_manifest(temporary, Manifest(producer="ingest", shards=shards))
    return target


def test_written_directory_verifies(directory: Path) -> None:
    manifest = read_manifest(directory, "ingest")
    verify(directory, manifest)
    assert [path.name for path in directory.parent.iterdir()] == ["out"]


def test_failure_leaves_the_old_directory_and_no_other(directory: Path) -> None:
    with pytest.raises(RuntimeError), write_directory(directory) as temporary:
        (temporary / "b.bin").write_bytes(b"half")
        raise RuntimeError
    assert sorted(path.name for path in directory.iterdir()) == ["a.bin", "manifest.json"]
    assert [path.name for path in directory.parent.iterdir()] == ["out"]


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_shard_is_named(directory: Path, damage: str) -> None:
    shard = directory / "a.bin"
    if damage == "remove":
        shard.unlink()
    else:
        shard.write_bytes(b"some byteZ" if damage == "flip" else b"some")
    with pytest.raises(BadInput, match=r"a\.bin"):
        verify(directory, read_manifest(directory))


def test_torn_missing_or_foreign_manifests_are_refused(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="producer = 'ingest'"):
        read_manifest(directory, "tokenize")
    (directory / "manifest.json").write_text('{"schema_version": 1, "prod')
    with pytest.raises(BadInput, match="not a manifest"):
        read_manifest(directory)
    with pytest.raises(BadInput, match="missing"):
        read_manifest(tmp_path / "nowhere")


def test_identity_moves_with_inputs_and_params_alone(directory: Path) -> None:
    first = stage_identity("s", {"data": directory}, {"a": 1})
    assert first == stage_identity("s", {"data": directory}, {"a": 1})
    assert first != stage_identity("s", {"data": directory}, {"a": 2})
    assert first != stage_identity("t", {"data": directory}, {"a": 1})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_canonical_json_ignores_order_and_round_trips(value: dict[str, object]) -> None:
    backwards = dict(reversed(list(value.items())))
    assert canonical_json(value) == canonical_json(backwards)
    assert json.loads(canonical_json(value)) == value
