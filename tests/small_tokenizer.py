"""Small tokenizers with real merges, in memory and on disk as `train_tokenizer` writes them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer

from components.lineage import Manifest, describe_shard, write_directory, write_json, write_manifest
from components.tokenizer import SPECIAL_TOKENS, TextTokenizer, load_tokenizer
from components.tokenizer.bpe import MergeList, continue_merges
from components.tokenizer.pretokenizer import byte_alphabet
from components.tokenizer.text import CONFIG_FILE, PRODUCER, TOKENIZER_FILE, build_tokenizer, tokenizer_config
from components.tokenizer.train import count_pieces


def learn_tokenizer(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """A tokenizer of at most `vocab_size` entries, special tokens included; of bytes alone without texts."""
    learned = MergeList(tokens=list(byte_alphabet()))
    continue_merges(learned, count_pieces(texts), vocab_size - len(SPECIAL_TOKENS))
    return build_tokenizer(learned)


def write_tokenizer(directory: Path, tokenizer: Tokenizer) -> TextTokenizer:
    """Write the stage's output and read it back."""
    with write_directory(directory) as temporary:
        tokenizer.save(str(temporary / TOKENIZER_FILE))
        write_json(temporary / CONFIG_FILE, tokenizer_config())
        shards = tuple(describe_shard(temporary, temporary / name) for name in (TOKENIZER_FILE, CONFIG_FILE))
        write_manifest(temporary, Manifest(producer=PRODUCER, shards=shards))
    return load_tokenizer(directory)
