"""The tokenizer as the rest of Trivium uses it: text in, ids out, and text can never become a special token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE

from components.core.errors import BadInput
from components.core.lineage import read_manifest, sha256_file, verify
from components.core.special_tokens import BEGIN_OF_TEXT, END_OF_TEXT, PAD, SPECIAL_TOKENS
from components.tokenizer.bpe import MergeList
from components.tokenizer.pretokenizer import build_pre_tokenizer

TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "tokenizer_config.json"
PRODUCER = "train_tokenizer"


def build_tokenizer(learned: MergeList, special_tokens: Sequence[str] = SPECIAL_TOKENS) -> Tokenizer:
    """The Hugging Face tokenizer of a merge list: bytes and merges first, special tokens after them.

    `ignore_merges`: a piece that is in the vocabulary as a whole is taken as it is, as llama.cpp does for Youtu.
    """
    assert learned.ids.keys().isdisjoint(special_tokens), "text alone must never build a special token"
    tokenizer = Tokenizer(BPE(vocab=dict(learned.ids), merges=list(learned.merges), ignore_merges=True))
    tokenizer.pre_tokenizer = build_pre_tokenizer()
    tokenizer.decoder = ByteLevelDecoder()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special_tokens])
    return tokenizer


def tokenizer_config(max_tokens: int = int(1e30)) -> dict[str, Any]:
    """What transformers reads beside tokenizer.json. A vocabulary knows no context length (transformers writes 1e30
    for that); whoever packs it with a model passes the model's."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "pad_token": PAD,
        "model_max_length": max_tokens,
        "clean_up_tokenization_spaces": False,
        "padding_side": "left",
        "truncation_side": "left",
    }


class TextTokenizer:
    """Encodes untrusted text and decodes ids. Adds no special token of its own; special ids come from `special`."""

    def __init__(self, tokenizer: Tokenizer, sha256: str) -> None:
        tokenizer.encode_special_tokens = True  # a marker written in text is text
        self._tokenizer = tokenizer
        self.sha256 = sha256
        self.vocab_size: int = tokenizer.get_vocab_size(with_added_tokens=True)
        self.special: dict[str, int] = {token: self._id(token) for token in SPECIAL_TOKENS}
        self.bos_id = self.special[BEGIN_OF_TEXT]
        self.eos_id = self.special[END_OF_TEXT]
        self.pad_id = self.special[PAD]

    def encode(self, text: str) -> list[int]:
        """Ids of `text`; no id of a special token, whatever the text says."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        """`encode` of each text; uses the library's threads (RAYON_NUM_THREADS)."""
        return [list(found.ids) for found in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def decode(self, ids: Sequence[int], skip_special: bool = False) -> str:
        """Text of `ids`; bytes that form no UTF-8 become U+FFFD."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=skip_special))

    def byte_lengths(self) -> np.ndarray:
        """(vocab_size,) int64: bytes of text each id stands for; 0 for special tokens."""
        lengths = np.zeros(self.vocab_size, dtype=np.int64)
        vocabulary: Mapping[str, int] = self._tokenizer.get_vocab(with_added_tokens=False)
        for token, number in vocabulary.items():
            lengths[number] = len(token)  # one character of the byte alphabet a byte
        return lengths

    def _id(self, token: str) -> int:
        number = self._tokenizer.token_to_id(token)
        if number is None:
            raise BadInput(f"tokenizer has no token {token!r}; train it again with `dvc repro train_tokenizer`")
        return int(number)


def load_tokenizer(directory: Path) -> TextTokenizer:
    """The tokenizer that `train_tokenizer` wrote. Raises BadInput if it is missing or differs from its manifest."""
    verify(directory, read_manifest(directory, PRODUCER))
    path = directory / TOKENIZER_FILE
    return TextTokenizer(Tokenizer.from_file(str(path)), sha256_file(path))
