"""Encoding untrusted text, special tokens, and loading by other programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import BadInput
from components.tokenizer import SPECIAL_TOKENS, TextTokenizer, load_tokenizer
from components.tokenizer.text import CONFIG_FILE, TOKENIZER_FILE

untrusted = st.lists(st.one_of(st.text(max_size=30), st.sampled_from(SPECIAL_TOKENS)), max_size=8).map("".join)


@settings(max_examples=300, deadline=None)
@given(untrusted)
def test_any_text_comes_back_and_holds_no_special_token(tokenizer: TextTokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert all(number < tokenizer.vocab_size - len(SPECIAL_TOKENS) for number in ids)
    assert int(tokenizer.byte_lengths()[ids].sum()) == len(text.encode())


@settings(max_examples=50, deadline=None)
@given(st.lists(untrusted, max_size=5))
def test_a_batch_is_its_texts(tokenizer: TextTokenizer, texts: list[str]) -> None:
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]


def test_special_tokens_are_the_end_of_the_vocabulary(tokenizer: TextTokenizer) -> None:
    expected = range(tokenizer.vocab_size - len(SPECIAL_TOKENS), tokenizer.vocab_size)
    assert tokenizer.vocab_size == 600
    assert list(tokenizer.special) == list(SPECIAL_TOKENS)
    assert list(tokenizer.special.values()) == list(expected)
    assert len({tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id}) == 3
    assert not tokenizer.byte_lengths()[list(expected)].any()
    assert np.all(tokenizer.byte_lengths()[: expected[0]] > 0)


def test_special_tokens_show_when_decoding_unless_skipped(tokenizer: TextTokenizer) -> None:
    ids = [tokenizer.special["<|User|>"], *tokenizer.encode("你好 2+2"), tokenizer.eos_id]
    assert tokenizer.decode(ids) == "<|User|>你好 2+2<|end_of_text|>"
    assert tokenizer.decode(ids, skip_special=True) == "你好 2+2"


def test_digits_are_always_single(tokenizer: TextTokenizer) -> None:
    assert len(tokenizer.encode("0123456789" * 3)) == 30


def test_a_whole_piece_in_the_vocabulary_is_taken_as_it_is(directory: Path) -> None:
    model = json.loads((directory / TOKENIZER_FILE).read_text())["model"]
    assert model["ignore_merges"] is True


def test_transformers_loads_it_with_the_same_ids(directory: Path, tokenizer: TextTokenizer) -> None:
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(directory)
    text = "def main():\n    return 42  # 你好, it's 'fine'\n"
    assert theirs(text)["input_ids"] == tokenizer.encode(text)
    assert theirs.decode(tokenizer.encode(" a , b .")) == " a , b ."
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id) == (
        tokenizer.bos_id,
        tokenizer.eos_id,
        tokenizer.pad_id,
    )
    assert len(theirs) == tokenizer.vocab_size
    assert theirs.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == list(tokenizer.special.values())


def test_an_edited_tokenizer_is_refused(directory: Path, tmp_path: Path) -> None:
    for name in (TOKENIZER_FILE, CONFIG_FILE, "manifest.json"):
        (tmp_path / name).write_bytes((directory / name).read_bytes())
    (tmp_path / CONFIG_FILE).write_text("{}")
    with pytest.raises(BadInput, match=r"tokenizer_config\.json: shard is corrupt"):
        load_tokenizer(tmp_path)


def test_a_missing_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"manifest\.json: missing"):
        load_tokenizer(tmp_path / "artifacts")
