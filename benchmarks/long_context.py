"""`python -m benchmarks.long_context`: probes of a long context by length: accuracy, seconds an item, peak memory.

With `--checkpoint NAME` the model and tokenizer of checkpoints/NAME; without it random weights in the shape of
`nano`, whose accuracy is chance and whose cost is real.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.measure import in_a_process, peak_bytes, report, set_device
from benchmarks.shapes import random_model, random_tokenizer
from components.evaluation.checkpoint import load_checkpoint
from components.evaluation.long_context import PROBES, ProbeResult, make_item, option_log_probabilities, run_probe
from components.tokenizer import TextTokenizer, load_tokenizer
from components.training.layout import TOKENIZER
from model import PRESETS, MLATransformer

app = typer.Typer(add_completion=False)


def subject(checkpoint: str, device: torch.device) -> tuple[MLATransformer, TextTokenizer]:
    """What is probed."""
    if checkpoint:
        tokenizer = load_tokenizer(TOKENIZER)
        return load_checkpoint(checkpoint, tokenizer).model.to(device), tokenizer
    from tokenizers import Tokenizer

    config = PRESETS["nano"]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "tokenizer.json"
        random_tokenizer(config.vocab_size, path)
        tokenizer = TextTokenizer(Tokenizer.from_file(str(path)), sha256="")
    return random_model(config, torch.float32, device).eval(), tokenizer


@app.command()
def main(
    lengths: Annotated[list[int], typer.Option(help="Context lengths in tokens.")] = [1024, 4096],  # noqa: B006
    probes: Annotated[list[str], typer.Option(help=f"Any of {list(PROBES)}.")] = list(PROBES),  # noqa: B006
    items: Annotated[int, typer.Option(help="Items a probe and length.", min=1)] = 4,
    checkpoint: Annotated[str, typer.Option(help="An entry of `curriculum`; default: random weights.")] = "",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    memory: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """One row a probe and length; accuracy with its 95% interval."""
    place = set_device(threads, device)
    model, tokenizer = subject(checkpoint, place)
    if memory:
        item = make_item(probes[0], tokenizer, lengths[0], seed, 0, 1)
        print(peak_bytes(lambda: option_log_probabilities(model, item), place))
        return
    rows: list[dict[str, Any]] = []
    for probe in probes:
        for length in lengths:
            start = time.perf_counter()
            result: ProbeResult = run_probe(model, tokenizer, probe, tokens=length, items=items, seed=seed)
            seconds = (time.perf_counter() - start) / items
            peak = in_a_process(
                "benchmarks.long_context",
                *("--memory", "--probes", probe, "--lengths", length, "--checkpoint", checkpoint),
                *("--seed", seed, "--threads", threads, "--device", device),
            )
            accuracy = result.accuracy
            rows.append(
                {
                    "probe": probe,
                    "tokens": length,
                    "items": items,
                    "accuracy": accuracy.estimate,
                    "95% interval": f"{accuracy.low:.2f} to {accuracy.high:.2f}",
                    "seconds/item": seconds,
                    "peak MB beside weights": peak / 1e6,
                }
            )
    report(f"long_context, {checkpoint or 'random weights'}", rows, place)


if __name__ == "__main__":
    app()
