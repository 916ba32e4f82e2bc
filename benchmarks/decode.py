"""`python -m benchmarks.decode`: one greedy token at a time against transformers and llama.cpp, same weights."""

from __future__ import annotations

import operator
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, get_args

import torch
import typer

from benchmarks.measure import known_device, report, set_device, time_in_rounds
from benchmarks.shapes import DTYPES, as_transformers, random_model, random_tokenizer, shape
from components.release.llama import LlamaServer
from components.tokenizer import SPECIAL_TOKENS
from model import PRESETS, MLATransformer
from model.cache import LatentCache
from model.decoding import DecodeBackend, check_decode_backend
from model.exchange.gguf import export
from model.flops import cache_bytes_per_token
from model.generate import decoder, prefill
from model.roofline import decode_tokens_per_s

LAYERS = 4
PREFILL_TOKENS = 8192
app = typer.Typer(add_completion=False)


def ours(model: MLATransformer, prompt: list[int], tokens: int) -> Callable[[], list[int]]:
    """Decodes `tokens` after a prefill done once; every call starts from the same cache."""
    device = model.head_weight.device
    lengths_B = torch.tensor([len(prompt)], device=device)
    cache = LatentCache(model.config, lengths_B, tokens, model.head_weight.dtype)
    with torch.inference_mode():
        last_1E = prefill(model, torch.tensor(prompt, device=device), lengths_B, cache, PREFILL_TOKENS)
        first_B = (last_1E @ model.head_weight.T).argmax(-1)
        step = decoder(model, cache, 1)

    @torch.inference_mode()
    def decode() -> list[int]:
        cache.truncate(len(prompt))
        next_B, ids = first_B, []
        for done in range(tokens):
            ids.append(int(next_B))
            next_B = step(next_B, lengths_B + done).argmax(-1)
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
        tokenizer, path = Path(directory) / "tokenizer.json", Path(directory) / "model.exchange.gguf"
        random_tokenizer(model.config.vocab_size, tokenizer)
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


@app.command()
def main(
    contexts: Annotated[list[int], typer.Option(help="Tokens already cached.")] = [256, 2048, 8192],  # noqa: B006
    tokens: Annotated[int, typer.Option(help="Tokens decoded a call.", min=2)] = 16,
    dtype: Annotated[str, typer.Option(help=f"One of {list(DTYPES)}.")] = "float32",
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda; llama.cpp takes part on a CPU in float32.")] = "cpu",
    backend: Annotated[str, typer.Option(help=f"One of {list(get_args(DecodeBackend))}.")] = "reference",
    preset: Annotated[str, typer.Option(help=f"One of {list(PRESETS)}; default: a small shape of four layers.")] = "",
) -> None:
    """Milliseconds a token with a full cache; in float32 all must choose the same tokens before anything is timed."""
    place = set_device(threads, device)
    os.environ["OMP_NUM_THREADS"] = str(threads)  # llama.cpp's share
    limit = max(contexts) + tokens
    if preset and preset not in PRESETS:
        raise typer.BadParameter(f"preset = {preset!r}: choose one of {list(PRESETS)}")
    config = (
        replace(PRESETS[preset], max_position_embeddings=limit)
        if preset
        else shape(layers=LAYERS, context_tokens=limit)
    )
    model = random_model(config, DTYPES[dtype], place)
    model.decode_backend = check_decode_backend(backend)
    other = as_transformers(model)
    learned = config.vocab_size - len(SPECIAL_TOKENS)
    rows = []
    with llama(model, limit) if device == "cpu" and dtype == "float32" else nullcontext() as server:
        for context in contexts:
            prompt = torch.randint(2, learned, (context,), generator=torch.Generator().manual_seed(context)).tolist()
            calls = {"trivium": ours(model, prompt, tokens), "transformers": theirs(other, prompt, tokens)}
            chosen = {name: call() for name, call in calls.items()}
            same = sum(map(operator.eq, chosen["trivium"], chosen["transformers"])) / tokens
            assert same == 1 or dtype != "float32", chosen
            timed = time_in_rounds(calls, rounds=rounds, device=place)
            row: dict[str, object] = {
                "dtype": dtype,
                "backend": backend,
                "cached tokens": context,
                "same tokens": same,
                "trivium ms/token": 1e3 * timed.best_s("trivium") / tokens,
                "transformers ms/token": 1e3 * timed.best_s("transformers") / tokens,
                "times faster": timed.ratio("transformers", "trivium"),
                "trivium cache bytes/token": cache_bytes_per_token(model.config, model.head_weight.element_size()),
            }
            bound = known_device(place)
            if bound is not None:
                value_bytes = model.head_weight.element_size()
                floor_s = 1 / decode_tokens_per_s(config, bound, context, value_bytes=value_bytes)
                row |= {
                    "floor ms/token": 1e3 * floor_s,
                    "floor / measured": floor_s * tokens / timed.best_s("trivium"),
                }
            if server:
                answers = [server(prompt, tokens) for _ in range(rounds)]
                assert answers[0]["tokens"] == chosen["trivium"], (answers[0]["tokens"], chosen["trivium"])
                row["llama.cpp ms/token"] = min(answer["timings"]["predicted_per_token_ms"] for answer in answers)
            rows.append(row)
    report("decode", rows, place)


if __name__ == "__main__":
    app()
