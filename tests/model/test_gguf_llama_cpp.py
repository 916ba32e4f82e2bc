"""The GGUF against llama.cpp itself, run in process: it must read the ids we read and choose the tokens we choose."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
import xllamacpp
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from components.core.special_tokens import SPECIAL_TOKENS
from components.tokenizer.pretokenizer import build_pre_tokenizer, byte_alphabet
from model import PRESETS, MLAConfig, MLATransformer, generate
from model.config import Yarn
from model.exchange.gguf import GGUFDType, export

CORPUS = [
    "def add(a, b):\n    return a + b  # 12 + 345 = 357\n",
    "The year 1999 wasn't long; they'll see. HTTPServer /usr/bin don'T\n\n\n",
    "床前明月光，疑是地上霜。举头望明月，低头思故乡。",
    "北京 (Beijing) is the capital of 中国, 人口 21893095.",
    "for i in range(100):\n\tprint(i ** 2, end='; ')\n",
    "naïve Café Straße Ünïcödé Привет мир",
] * 3
PROMPTS = [
    "The year 1999",
    "The year 2026 wasn't 31,536,000 seconds",
    "12 + 345 = ",
    "3.14159265358979",
    "0",
    "床前明月光，疑是",
    "举头望明月，低头思故乡。",
    "北京 (Beijing) 2189",
    "中国人口 1400000000。",
    " 杜甫，字子美",
    "「日本語」のテキスト、カタカナ",
    "한국어 문장 하나",
    "def add(a, b):\n    return 12",
    "for i in range(100):\n\tprint(",
    "class HTTPServer(Base):\n\n\n    x = 'a' // \"b\"\n",
    "they'll print 中国 357\n\n",
    "  leading and trailing   ",
    "naïve Straße, Привет мир!",
    "🙂 emoji and … “quotes” — dashes",
    "tabs\t\tand\r\nnewlines\n \n x",
    "a",
    '{"name": "add", "arguments": {"a": 17, "b": 25}}',
]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}<|User|>{{ m.content }}"
    "{% elif m.role == 'assistant' %}<|Assistant|>{{ m.content }}<|end_of_text|>{% else %}{{ m.content }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|Assistant|>{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    made = Tokenizer(BPE(ignore_merges=True))
    made.pre_tokenizer = build_pre_tokenizer()
    made.decoder = ByteLevel()
    trainer = BpeTrainer(vocab_size=480, initial_alphabet=list(byte_alphabet()), show_progress=False)
    made.train_from_iterator(CORPUS, trainer)
    made.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL_TOKENS])
    return made


@pytest.fixture(scope="module")
def tokenizer_json(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer, build: Callable[..., MLATransformer]) -> MLATransformer:
    """The `nano` shape with the rope base of its later stages."""
    first_special = tokenizer.get_vocab_size() - len(SPECIAL_TOKENS)
    config = replace(
        PRESETS["nano"],
        vocab_size=tokenizer.get_vocab_size(),
        bos_token_id=first_special,
        eos_token_id=first_special + 1,
        pad_token_id=first_special + 2,
        rope_theta=40_000.0,
    )
    return build(config, 3)


@contextmanager
def serve(path: Path) -> Iterator[Callable[[str, dict[str, Any]], Any]]:
    """A llama.cpp server on a free loopback port; yields a function that posts JSON to it."""
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.verbosity = -1
    params.n_ctx, params.n_parallel = 512, 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_gpu_layers, params.warmup, params.fit_params = 0, False, False
    # By default it caches and multiplies in float16 here, off by 1e-2 in log-probability; like this by 1e-5.
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    server = xllamacpp.Server(params)
    with httpx.Client(base_url=server.listening_address, timeout=60) as client:

        def post(route: str, body: dict[str, Any]) -> Any:
            return client.post(route, json=body).raise_for_status().json()

        yield post
    del server


@pytest.fixture(scope="module")
def float32_server(
    model: MLATransformer, tokenizer_json: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, dict[str, Any]], Any]]:
    path = tmp_path_factory.mktemp("gguf") / "nano.gguf"
    export(model, tokenizer_json, TEMPLATE, path, "f32", "nano")
    with serve(path) as post:
        yield post


def test_text_becomes_the_same_ids(float32_server: Callable[..., Any], tokenizer: Tokenizer) -> None:
    for text in PROMPTS + CORPUS:
        assert float32_server("/tokenize", {"content": text})["tokens"] == tokenizer.encode(text).ids, repr(text)


def test_float32_chooses_the_same_tokens(
    float32_server: Callable[..., Any], tokenizer: Tokenizer, model: MLATransformer
) -> None:
    prompts = [tokenizer.encode(text).ids for text in PROMPTS]
    ours = generate(model, prompts, max_new_tokens=24, stop_ids=[model.config.eos_token_id])
    for text, expected in zip(PROMPTS, ours, strict=True):
        body = {"prompt": text, "n_predict": 24, "temperature": 0, "return_tokens": True, "cache_prompt": False}
        answer = float32_server("/completion", body)
        assert answer["tokens"] == expected, repr(text)


def test_the_template_is_carried_and_begins_the_text_once(
    float32_server: Callable[..., Any], tokenizer: Tokenizer, model: MLATransformer
) -> None:
    messages = [{"role": "user", "content": "1 + 1"}]
    prompt = float32_server("/apply-template", {"messages": messages})["prompt"]
    assert prompt == "<|begin_of_text|><|User|>1 + 1<|Assistant|>"
    ids = float32_server("/tokenize", {"content": prompt, "add_special": True, "parse_special": True})["tokens"]
    special = {token: tokenizer.token_to_id(token) for token in SPECIAL_TOKENS}
    text = tokenizer.encode("1 + 1").ids
    assert ids == [special["<|begin_of_text|>"], special["<|User|>"], *text, special["<|Assistant|>"]]
    answer = float32_server("/v1/chat/completions", {"messages": messages, "max_tokens": 4, "temperature": 0})
    assert answer["usage"]["prompt_tokens"] == len(ids)


@pytest.mark.parametrize(("dtype", "tolerance"), [("f32", 1e-4), ("f16", 0.04), ("bf16", 0.4), ("q8_0", 1.0)])
def test_every_type_gives_our_probabilities_within_its_precision(
    tmp_path: Path,
    model: MLATransformer,
    tokenizer: Tokenizer,
    tokenizer_json: Path,
    dtype: GGUFDType,
    tolerance: float,
) -> None:
    export(model, tokenizer_json, TEMPLATE, tmp_path / "nano.gguf", dtype, "nano")
    compared = 0
    with serve(tmp_path / "nano.gguf") as post:
        for text in PROMPTS:
            with torch.no_grad():
                ours = model(torch.tensor([tokenizer.encode(text).ids]))[0, -1].log_softmax(-1)
            if "\ufffd" in tokenizer.decode([int(ours.argmax())]):
                continue  # the server holds back part of a character, and its probabilities with it
            body = {"prompt": text, "n_predict": 1, "temperature": 0, "n_probs": 8, "cache_prompt": False}
            found = post("/completion", body)["completion_probabilities"][0]["top_logprobs"]
            assert len(found) == 8
            for token in found:
                assert token["logprob"] == pytest.approx(ours[token["id"]].item(), abs=tolerance), (text, token)
            compared += 1
    assert compared >= 8


@pytest.mark.parametrize("sharpening", [1.0, 0.7])
def test_a_rope_stretched_by_yarn_gives_our_tokens(
    tmp_path: Path, model: MLATransformer, tokenizer: Tokenizer, tokenizer_json: Path, sharpening: float
) -> None:
    yarn = Yarn(factor=8.0, original_max_position_embeddings=32, mscale=sharpening, mscale_all_dim=sharpening)
    stretched = MLATransformer(replace(model.config, rope_scaling=yarn, max_position_embeddings=256))
    stretched.load_state_dict(model.state_dict())
    export(stretched, tokenizer_json, TEMPLATE, tmp_path / "nano.gguf", "f32", "nano")
    prompts = [tokenizer.encode("".join(CORPUS)).ids[start : start + 100] for start in (0, 50, 100, 150)]
    ours = generate(stretched, prompts, max_new_tokens=24, stop_ids=[model.config.eos_token_id])
    assert ours != generate(model, prompts, max_new_tokens=24, stop_ids=[model.config.eos_token_id])
    with serve(tmp_path / "nano.gguf") as post:
        for prompt, expected in zip(prompts, ours, strict=True):
            body = {"prompt": prompt, "n_predict": 24, "temperature": 0, "return_tokens": True, "cache_prompt": False}
            assert post("/completion", body)["tokens"] == expected


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "q8_0"])
def test_files_are_the_same_bytes_every_time(
    tmp_path: Path, model: MLATransformer, tokenizer_json: Path, dtype: GGUFDType
) -> None:
    for name in ("one", "two"):
        export(model, tokenizer_json, TEMPLATE, tmp_path / name, dtype, "nano")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


@pytest.mark.parametrize(
    ("changes", "dtype", "message"),
    [
        ({}, "q4_0", "dtype = 'q4_0': choose one of"),
        ({"num_hidden_layers": 27}, "f32", "num_hidden_layers = 27: llama.cpp reads"),
        ({"rms_norm_eps": 1e-5}, "f32", "rms_norm_eps = 1e-05"),
        ({"kv_lora_rank": 48}, "q8_0", "kv_lora_rank = 48: q8_0 needs a multiple of 32"),
        ({"v_head_dim": 20}, "q8_0", "v_head_dim = 20: q8_0 needs"),
        ({"rope_scaling": Yarn(factor=4.0, original_max_position_embeddings=64)}, "f32", "sharpens whole scores"),
        (
            {
                "rope_scaling": Yarn(
                    factor=4.0, original_max_position_embeddings=64, mscale=1.0, mscale_all_dim=1.0, beta_fast=16.0
                )
            },
            "f32",
            "beta_fast = 16.0, beta_slow = 1.0: llama.cpp's server takes",
        ),
        ({"vocab_size": 500}, "f32", "vocab_size = 500; give the tokenizer the model was trained with"),
    ],
)
def test_what_llama_cpp_cannot_hold_is_refused_by_name(
    tmp_path: Path, model: MLATransformer, tokenizer_json: Path, changes: dict[str, Any], dtype: GGUFDType, message: str
) -> None:
    config: MLAConfig = replace(model.config, **changes)
    with torch.device("meta"):
        shaped = MLATransformer(config)
    with pytest.raises(ValueError, match=message):
        export(shaped, tokenizer_json, TEMPLATE, tmp_path / "x.gguf", dtype, "nano")
    assert list(tmp_path.iterdir()) == []


def test_another_kind_of_tokenizer_is_refused(tmp_path: Path, model: MLATransformer) -> None:
    path = tmp_path / "tokenizer.json"
    with pytest.raises(ValueError, match=r"tokenizer.json: cannot be read"):
        export(model, path, TEMPLATE, tmp_path / "x.gguf", "f32", "nano")
    path.write_text(json.dumps({"model": {"type": "Unigram"}}))
    with pytest.raises(ValueError, match=r"model.type = 'Unigram'"):
        export(model, path, TEMPLATE, tmp_path / "x.gguf", "f32", "nano")
