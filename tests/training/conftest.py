"""Shared pieces of the training tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from stage_workspace import StageRunner
from training_workspace import build_workspace


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh workspace as the current directory, with a home of its own."""
    build_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIVIUM_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> StageRunner:
    return StageRunner("components.training", ["components.training.loop"], tmp_path_factory.mktemp("mlflow"))
