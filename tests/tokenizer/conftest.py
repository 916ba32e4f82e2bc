"""A small tokenizer on disk, as `train_tokenizer` writes it."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from small_tokenizer import write_tokenizer

from components.tokenizer import TextTokenizer, load_tokenizer
from components.tokenizer.train import learn_tokenizer

VOCAB_SIZE = 600
CHINESE = "床前明月光，疑是地上霜。举头望明月，低头思故乡。价格是25元！"


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = Path(sysconfig.get_paths()["stdlib"])
    texts = [path.read_text(encoding="utf-8") for path in sorted(root.glob("[ab]*.py"))]
    path = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(path, learn_tokenizer([*texts, CHINESE * 100], VOCAB_SIZE))
    return path


@pytest.fixture(scope="session")
def tokenizer(directory: Path) -> TextTokenizer:
    return load_tokenizer(directory)
