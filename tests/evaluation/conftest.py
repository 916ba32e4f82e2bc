"""The small world of `evaluation_workspace`, built once for all tests; whoever changes it takes a copy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from evaluation_workspace import build_workspace
from stage_workspace import StageRunner, inside

from components.core.params import Params, load
from components.evaluation.checkpoint import Checkpoint, load_checkpoint
from components.tokenizer import TextTokenizer, load_tokenizer


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("evaluation")
    build_workspace(root)
    return root


@pytest.fixture(scope="session")
def world_params(world: Path) -> Params:
    return load(world / "params.yaml")


@pytest.fixture(scope="session")
def tokenizer(world: Path) -> TextTokenizer:
    return load_tokenizer(world / "artifacts/tokenizer")


@pytest.fixture(scope="session")
def checkpoint(world: Path, tokenizer: TextTokenizer) -> Checkpoint:
    with inside(world):
        return load_checkpoint("second", tokenizer)


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> StageRunner:
    imports = ["components.evaluation.evaluate", "components.evaluation.gate"]
    return StageRunner("components.evaluation", imports, tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(scope="session")
def evaluated(world: Path, runner: StageRunner, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world after `evaluate first` and `evaluate second`."""
    root = tmp_path_factory.mktemp("evaluated") / "world"
    shutil.copytree(world, root)
    for name in ("first", "second"):
        runner.run(root, "evaluate", name)
    return root
