"""Small tokenizers with real merges, in memory and on disk as `train_tokenizer` writes them."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from components.core.files import write_directory, write_json
from components.core.lineage import Manifest, describe_shard, write_manifest
from components.tokenizer import TextTokenizer, load_tokenizer
from components.tokenizer.text import CONFIG_FILE, PRODUCER, TOKENIZER_FILE, tokenizer_config


def write_tokenizer(directory: Path, tokenizer: Tokenizer) -> TextTokenizer:
    """Write the stage's output and read it back."""
    with write_directory(directory) as temporary:
        tokenizer.save(str(temporary / TOKENIZER_FILE))
        write_json(temporary / CONFIG_FILE, tokenizer_config())
        shards = tuple(describe_shard(temporary, temporary / name) for name in (TOKENIZER_FILE, CONFIG_FILE))
        write_manifest(temporary, Manifest(producer=PRODUCER, shards=shards))
    return load_tokenizer(directory)
