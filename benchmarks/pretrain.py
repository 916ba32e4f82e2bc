"""`python -m benchmarks.pretrain`: whole optimizer steps of a named shape: tokens per second, MFU, peak memory.

Weights, gradients and optimizer states in float32; on a GPU products in bfloat16. One row a step: the least that a long
context can be cut into. Rates count causal attention as half of the square.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import torch
import typer

from benchmarks.measure import known_device, peak_bytes, report, set_device, time_in_rounds
from components.core.params import OptimizerParams
from components.training.optimizer import build_optimizers
from model import PRESETS, MLATransformer
from model.backends import check_backend, default_backend
from model.float8 import train_in_float8
from model.flops import training_flops_per_token
from model.init import initialise
from model.loss import linear_cross_entropy
from model.recompute import check_recompute, recompute_for
from model.roofline import model_flops_utilisation, training_tokens_per_s

RATES = OptimizerParams(muon_lr=0.01, muon_momentum=0.9, adamw_lr=0.003, weight_decay=0.1, grad_clip=1.0)
app = typer.Typer(add_completion=False)


def training_step(model: MLATransformer, tokens: int, device: torch.device) -> Callable[[], float]:
    """Forward, loss, backward, clipping and both optimizers on one row of random tokens; a call returns the loss."""
    named = dict(model.named_parameters())
    optimizers = build_optimizers(named, model.head_weight, RATES)
    ids_1L = torch.randint(0, model.config.vocab_size, (1, tokens), generator=torch.Generator().manual_seed(0))
    ids_1L = ids_1L.to(device)
    weights_n = torch.ones(tokens - 1, device=device)

    def step() -> float:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            hidden_nE = model.hidden(ids_1L)[0, :-1]
            loss_sum, weight = linear_cross_entropy(hidden_nE, model.head_weight, ids_1L[0, 1:], weights_n)
        loss = loss_sum / weight
        loss.backward()
        torch.nn.utils.clip_grad_norm_(named.values(), RATES.grad_clip)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return float(loss.detach())

    return step


@app.command()
def main(
    preset: Annotated[str, typer.Option(help=f"One of {list(PRESETS)}.")] = "nano",
    tokens: Annotated[list[int], typer.Option(help="Row lengths.")] = [512, 2048],  # noqa: B006  # typer reads it
    backend: Annotated[str, typer.Option(help="Attention backend; default: the device's.")] = "",
    recompute: Annotated[str, typer.Option(help="What to compute again; default: by row length.")] = "",
    compile_blocks: Annotated[bool, typer.Option("--compile", help="torch.compile each block.")] = False,
    float8: Annotated[bool, typer.Option("--float8", help="Wide products in 8 bits; emulated on a CPU.")] = False,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """One model on one device, a row of measurements per row length."""
    place = set_device(threads, device)
    if preset not in PRESETS:
        raise typer.BadParameter(f"preset = {preset!r}: choose one of {list(PRESETS)}")
    config = replace(PRESETS[preset], max_position_embeddings=max(tokens))
    with place:
        model = MLATransformer(config, check_backend(backend) if backend else default_backend(place))
    initialise(model, 0)
    if float8:
        train_in_float8(model, emulate=place.type != "cuda")
    if compile_blocks:
        model.compile_blocks()
    known = known_device(place)
    rows: list[dict[str, object]] = []
    for length in tokens:
        model.recompute = check_recompute(recompute) if recompute else recompute_for(length)
        step = training_step(model, length, place)
        timed = time_in_rounds({"step": step}, rounds=rounds, device=place)
        rate = length / timed.best_s("step")
        row: dict[str, object] = {
            "preset": preset,
            "row tokens": length,
            "attention": model.layers[0].self_attn.backend,  # type: ignore[union-attr]  # a Block
            "recompute": model.recompute,
            "compiled": compile_blocks,
            "float8": float8,
            "tokens/s": rate,
            "TFLOP/s": rate * training_flops_per_token(config, length) / 1e12,
            "peak GB beside weights": peak_bytes(step, place) / 1e9,
        }
        if known:
            row |= {
                "MFU": model_flops_utilisation(config, known, length, rate),
                "bound tokens/s": training_tokens_per_s(config, known, length),
            }
        rows.append(row)
    report(f"pretrain, {preset}", rows, place)


if __name__ == "__main__":
    app()
