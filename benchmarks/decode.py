"""`python -m benchmarks.decode`: one greedy token at a time against transformers and llama.cpp, same weights."""

from __future__ import annotations

import os
import random
import string
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from tokenizers import AddedToken, Tokenizer
from tokenizers.decoders import ByteLevel
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from benchmarks.measure import report, take_turns
from benchmarks.shapes import DTYPES, as_transformers, random_model, shape
from components.release.llama import LlamaServer
from components.tokenizer.pretokenizer import build_pre_tokenizer, byte_alphabet
from components.tokenizer.special import SPECIAL_TOKENS
from model import MLATransformer
from model.cache import LatentCache
from model.flops import cache_bytes_per_token
from model.gguf import export

LAYERS = 4
app = typer.Typer(add_completion=False)


def ours(model: MLATransformer, prompt: list[int], tokens: int) -> Callable[[], list[int]]:
    """Decodes `tokens` after a prefill done once; every call starts from the same cache."""
    device = model.head_weight.device
    lengths_B = torch.tensor([len(prompt)], device=device)
    cache = LatentCache(model.config, lengths_B, tokens, model.head_weight.dtype)
    with torch.inference_mode():
        hidden_1NE = model.hidden(torch.tensor([prompt], device=device), cache=cache)
        first_B = (hidden_1NE[:, -1] @ model.head_weight.T).argmax(-1)

    @torch.inference_mode()
    def decode() -> list[int]:
        cache.truncate(len(prompt))
        next_B, ids = first_B, []
        for step in range(tokens):
            ids.append(int(next_B))
            next_B = model.decode(next_B, lengths_B + step, cache).argmax(-1)
        return ids

    return decode


def theirs(model: Any, prompt: list[int], tokens: int) -> Callable[[], list[int]]:
    """The same with transformers' cache, which is cut back to the prompt after every call."""
    device = model.device
    with torch.inference_mode():
        out = model(torch.tensor([prompt], device=device), use_cache=True, logits_to_keep=1)
    cache, first_B = out.past_key_values, out.logits[:, -1].argmax(-1)

    @torch.inference_mode()
    def decode() -> list[int]:
        next_B, ids = first_B, []
        for _ in range(tokens):
            ids.append(int(next_B))
            next_B = model(next_B[:, None], past_key_values=cache, use_cache=True).logits[:, -1].argmax(-1)
        cache.crop(-tokens)
        return ids

    return decode


@contextmanager
def llama(model: MLATransformer, context_tokens: int) -> Iterator[Callable[[list[int], int], dict[str, Any]]]:
    """llama.cpp with its defaults for a CPU and the weights in float32; yields what answers a prompt."""
    with tempfile.TemporaryDirectory() as directory:
        tokenizer = _tokenizer(model.config.vocab_size, Path(directory))
        path = Path(directory) / "model.gguf"
        export(model, tokenizer, "", path, "f32", "benchmark")
        with LlamaServer(path, context_tokens=context_tokens, exact=True) as server:
            yield lambda prompt, tokens: server.post(
                "/completion",
                {
                    "prompt": prompt,
                    "n_predict": tokens,
                    "temperature": 0,
                    "return_tokens": True,
                    "cache_prompt": True,
                    "ignore_eos": True,
                },
            )


def _tokenizer(vocab_size: int, directory: Path) -> Path:
    """A byte-level BPE of that size, learned from random words: llama.cpp serves no model without one."""
    generator = random.Random(0)
    words = ["".join(generator.choices(string.ascii_lowercase, k=6)) for _ in range(20_000)]
    tokenizer = Tokenizer(BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = build_pre_tokenizer()
    tokenizer.decoder = ByteLevel()
    learned = vocab_size - len(SPECIAL_TOKENS)
    trainer = BpeTrainer(vocab_size=learned, initial_alphabet=list(byte_alphabet()), show_progress=False)
    tokenizer.train_from_iterator(words, trainer)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL_TOKENS])
    assert tokenizer.get_vocab_size() == vocab_size
    path = directory / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@app.command()
def main(
    contexts: Annotated[list[int], typer.Option(help="Tokens already cached.")] = [256, 2048, 8192],  # noqa: B006
    tokens: Annotated[int, typer.Option(help="Tokens decoded a call.", min=2)] = 16,
    dtype: Annotated[str, typer.Option(help=f"One of {list(DTYPES)}.")] = "float32",
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda; llama.cpp takes part on a CPU in float32.")] = "cpu",
) -> None:
    """Milliseconds a token with a full cache; all must choose the same tokens before anything is timed."""
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)  # llama.cpp's share
    place = torch.device(device)
    limit = max(contexts) + tokens
    model = random_model(shape(layers=LAYERS, context_tokens=limit), DTYPES[dtype], place)
    other = as_transformers(model)
    rows = []
    with llama(model, limit) if device == "cpu" and dtype == "float32" else nullcontext() as server:
        for context in contexts:
            prompt = torch.randint(2, 8000, (context,), generator=torch.Generator().manual_seed(context)).tolist()
            calls = {"trivium": ours(model, prompt, tokens), "transformers": theirs(other, prompt, tokens)}
            chosen = {name: call() for name, call in calls.items()}
            assert chosen["trivium"] == chosen["transformers"], chosen
            timed = take_turns(calls, rounds=rounds, device=place)
            row: dict[str, object] = {
                "dtype": dtype,
                "cached tokens": context,
                "trivium ms/token": 1e3 * timed.best_s("trivium") / tokens,
                "transformers ms/token": 1e3 * timed.best_s("transformers") / tokens,
                "times faster": timed.ratio("transformers", "trivium"),
                "trivium cache bytes/token": cache_bytes_per_token(model.config, model.head_weight.element_size()),
            }
            if server:
                answers = [server(prompt, tokens) for _ in range(rounds)]
                assert answers[0]["tokens"] == chosen["trivium"], (answers[0]["tokens"], chosen["trivium"])
                row["llama.cpp ms/token"] = min(answer["timings"]["predicted_per_token_ms"] for answer in answers)
            rows.append(row)
    report("decode", rows, place)


if __name__ == "__main__":
    app()
