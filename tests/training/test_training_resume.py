"""The store of in-progress checkpoints: whole or passed over, the newest few, one holder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from components.core.errors import BadInput
from components.training.module import TrainingState
from components.training.resume import ProgressStore, Snapshot, progress_store


@pytest.fixture
def store(tmp_path: Path) -> ProgressStore:
    return ProgressStore(directory=tmp_path / "progress", identity="abc")


def snapshot(steps: int) -> Snapshot:
    state = TrainingState(
        steps=steps, losses=[1 / 3] * steps, rows_by_domain={"code": 3, "agent": 1}, targets=0.1 + 0.2, seconds=1.5
    )
    weights = {"a": torch.full((2, 3), 1 / 7), "b": torch.arange(3.0)}
    return Snapshot(state=state, weights=weights, optimizer={"a.momentum_buffer": torch.ones(2, 3) / 3})


def test_what_is_saved_comes_back_bit_for_bit(store: ProgressStore) -> None:
    assert store.newest() is None
    store.save(snapshot(3))
    found = store.newest()
    assert found is not None
    assert found.state == snapshot(3).state
    for saved, loaded in ((snapshot(3).weights, found.weights), (snapshot(3).optimizer, found.optimizer)):
        assert saved.keys() == loaded.keys()
        assert all(torch.equal(tensor, loaded[name]) for name, tensor in saved.items())


def test_only_the_newest_few_are_kept(store: ProgressStore) -> None:
    for steps in (8, 9, 10, 11):
        store.save(snapshot(steps))
    assert sorted(path.name for path in store.directory.iterdir()) == ["step-000000010", "step-000000011"]
    store.remove()
    assert not store.directory.exists()


@pytest.mark.parametrize("damage", ["torn", "edited", "no manifest", "other identity"])
def test_a_damaged_checkpoint_is_passed_over_aloud(
    store: ProgressStore, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store.save(snapshot(1))
    store.save(snapshot(2))
    newest = store.directory / "step-000000002"
    weights = newest / "weights.safetensors"
    if damage == "torn":
        os.truncate(weights, 10)
    elif damage == "edited":
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    elif damage == "no manifest":
        (newest / "manifest.json").unlink()
    else:
        manifest = newest / "manifest.json"
        manifest.write_text(manifest.read_text().replace("abc", "xyz"))
    found = store.newest()
    assert found is not None and found.state.steps == 1
    assert "passed over a damaged checkpoint" in capsys.readouterr().err


def test_one_that_was_still_being_written_does_not_count(store: ProgressStore) -> None:
    store.save(snapshot(1))
    (store.directory / "step-000000001").rename(store.directory / ".step-000000001.tmp")
    assert store.newest() is None
    store.save(snapshot(1))
    assert store.newest() is not None


def test_two_processes_cannot_train_the_same_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIVIUM_HOME", str(tmp_path))
    with progress_store("abc"):
        with pytest.raises(BadInput, match="another process is training this very stage"), progress_store("abc"):
            pass
        with progress_store("def"):
            pass
    with progress_store("abc"):
        pass
