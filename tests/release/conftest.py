"""One lesson, one tokenizer, one release built by the real program, shared by all tests of this package."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from release_workspace import LESSON, TOOLS, Workspace, make_tokenizer, write_workspace
from small_model import learn_by_heart
from tokenizers import Tokenizer

from components.agent.template import encode_conversation
from components.tokenizer import TextTokenizer
from model import MLATransformer


@pytest.fixture(scope="session")
def raw_tokenizer() -> Tokenizer:
    return make_tokenizer()


@pytest.fixture(scope="session")
def tokenizer(raw_tokenizer: Tokenizer) -> TextTokenizer:
    return TextTokenizer(Tokenizer.from_str(raw_tokenizer.to_str()), "test")


@pytest.fixture(scope="session")
def lesson(tokenizer: TextTokenizer) -> MLATransformer:
    return learn_by_heart(tokenizer, encode_conversation(tokenizer, LESSON, TOOLS))


@pytest.fixture(scope="session")
def built(lesson: MLATransformer, raw_tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose release the program has built. Read it, do not change it."""
    folder = tmp_path_factory.mktemp("built")
    workspace = Workspace(root=folder / "work", home=folder / "home")
    write_workspace(workspace, lesson, raw_tokenizer)
    done = workspace.run("build")
    assert done.returncode == 0, done.stderr
    return workspace


@pytest.fixture
def copy(built: Workspace, tmp_path: Path) -> Callable[[], Workspace]:
    """A copy of the built workspace that a test may spoil; its registry is the original's."""

    def make() -> Workspace:
        shutil.copytree(built.root, tmp_path / "copy")
        return Workspace(root=tmp_path / "copy", home=built.home)

    return make
