"""The same text gives the same ids in llama.cpp, whose pre-tokenizer `youtu` is written independently of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import xllamacpp
from hypothesis import given, settings
from hypothesis import strategies as st

from components.tokenizer import SPECIAL_TOKENS, TextTokenizer
from components.tokenizer.text import TOKENIZER_FILE
from model import MLAConfig, MLATransformer
from model.exchange.gguf import export

Encode = Callable[[str], list[int]]


@pytest.fixture(scope="module")
def llama_cpp(tmp_path_factory: pytest.TempPathFactory, directory: Path, tokenizer: TextTokenizer) -> Iterator[Encode]:
    """Encoding by a llama.cpp server that holds the smallest model with this vocabulary."""
    config = MLAConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        q_lora_rank=32,
        kv_lora_rank=32,
        qk_nope_head_dim=32,
        qk_rope_head_dim=16,
        v_head_dim=32,
        max_position_embeddings=64,
        rope_theta=10_000.0,
        bos_token_id=tokenizer.bos_id,
        eos_token_id=tokenizer.eos_id,
        pad_token_id=tokenizer.pad_id,
    )
    path = tmp_path_factory.mktemp("gguf") / "vocabulary.gguf"
    export(MLATransformer(config), directory / TOKENIZER_FILE, "{{ messages }}", path, "f32", "vocabulary")
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.port = 0
    params.warmup = False
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    with httpx.Client(base_url=server.listening_address) as client:

        def encode(text: str) -> list[int]:
            asked = {"content": text, "add_special": False, "parse_special": False}
            ids: list[int] = client.post("/tokenize", json=asked).raise_for_status().json()["tokens"]
            return ids

        yield encode
    del server


@pytest.mark.parametrize(
    "text",
    [
        "In 1984 the x86_64 cost 3.14; they've 'tis WE'LL it'ſ",
        "camelCaseHTTPServer ǅ é̀ ñ",
        "我爱Python编程。你好，世界！…… ひらがなカタカナ漢字 한국어와English ㄅㄆㄇ注音",
        "if x:\n    y\t\tz //end.\n\nNext\r\n\r\n   tail   ",
        "\u3000全角\u00a0空格 \x85\u2028 😀👍🏽 ٣٤ ² Ⅷ",
        *SPECIAL_TOKENS,
    ],
)
def test_texts_that_meet_every_rule(llama_cpp: Encode, tokenizer: TextTokenizer, text: str) -> None:
    assert llama_cpp(text) == tokenizer.encode(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=6), st.text(st.characters(max_codepoint=126), max_size=12))).map("".join))
def test_any_text(llama_cpp: Encode, tokenizer: TextTokenizer, text: str) -> None:
    assert llama_cpp(text) == tokenizer.encode(text)
