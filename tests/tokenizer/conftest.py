"""A small tokenizer on disk, as `train_tokenizer` writes it."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from components.lineage import Manifest, describe_shard, write_json, write_manifest
from components.tokenizer import SPECIAL_TOKENS, TextTokenizer, load_tokenizer
from components.tokenizer.bpe import MergeList, continue_merges
from components.tokenizer.pretokenizer import byte_alphabet
from components.tokenizer.text import CONFIG_FILE, PRODUCER, TOKENIZER_FILE, build_tokenizer, tokenizer_config
from components.tokenizer.train import count_pieces

VOCAB_SIZE = 600
CHINESE = "床前明月光，疑是地上霜。举头望明月，低头思故乡。价格是25元！"


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = Path(sysconfig.get_paths()["stdlib"])
    texts = [path.read_text(encoding="utf-8") for path in sorted(root.glob("[ab]*.py"))]
    learned = MergeList(tokens=list(byte_alphabet()))
    continue_merges(learned, count_pieces([*texts, CHINESE * 100]), VOCAB_SIZE - len(SPECIAL_TOKENS))
    path = tmp_path_factory.mktemp("tokenizer")
    build_tokenizer(learned).save(str(path / TOKENIZER_FILE))
    write_json(path / CONFIG_FILE, tokenizer_config())
    shards = tuple(describe_shard(path, path / name) for name in (TOKENIZER_FILE, CONFIG_FILE))
    write_manifest(path, Manifest(producer=PRODUCER, shards=shards))
    return path


@pytest.fixture(scope="session")
def tokenizer(directory: Path) -> TextTokenizer:
    return load_tokenizer(directory)
