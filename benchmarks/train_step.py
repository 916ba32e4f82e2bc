"""`python -m benchmarks.train_step`: forward, loss and backward against transformers' Youtu with the same weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
import typer

from benchmarks.measure import peak_bytes, peaks_in_processes, report, set_device, time_in_rounds
from benchmarks.shapes import DTYPES, as_transformers, random_model, shape
from model.loss import linear_cross_entropy

LAYERS = 2
TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2}  # relative difference of the two losses
app = typer.Typer(add_completion=False)


def candidates(tokens: int, dtype: str, device: torch.device) -> dict[str, Callable[[], float]]:
    """One training step each on the same weights and tokens; a call returns the loss."""
    ours = random_model(shape(layers=LAYERS, context_tokens=tokens), DTYPES[dtype], device)
    theirs = as_transformers(ours)
    ids_BL = torch.randint(2, ours.config.vocab_size, (1, tokens), generator=torch.Generator().manual_seed(0))
    ids_BL = ids_BL.to(device)

    def step_ours() -> float:
        ours.zero_grad()
        hidden_NE = ours.hidden(ids_BL)[:, :-1].flatten(0, 1)
        loss_sum, weight = linear_cross_entropy(
            hidden_NE, ours.head_weight, ids_BL[0, 1:], torch.ones(tokens - 1, device=device)
        )
        loss = loss_sum / weight
        loss.backward()
        return float(loss.detach())

    def step_theirs() -> float:
        theirs.zero_grad()
        loss = theirs(input_ids=ids_BL, labels=ids_BL, use_cache=False).loss
        loss.backward()
        return float(loss.detach())

    return {"trivium": step_ours, "transformers": step_theirs}


@app.command()
def main(
    tokens: Annotated[list[int], typer.Option(help="Row lengths.")] = [1024, 4096],  # noqa: B006  # typer reads it
    dtypes: Annotated[list[str], typer.Option(help=f"Any of {list(DTYPES)}.")] = list(DTYPES),  # noqa: B006
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    memory_of: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Forward, loss and backward of one row; losses must agree before anything is timed."""
    place = set_device(threads, device)
    if memory_of:
        calls = candidates(tokens[0], dtypes[0], place)
        print(peak_bytes(calls[memory_of], place))
        return
    rows = []
    for dtype in dtypes:
        for length in tokens:
            calls = candidates(length, dtype, place)
            losses = {name: call() for name, call in calls.items()}
            difference = abs(losses["trivium"] - losses["transformers"]) / losses["transformers"]
            assert difference <= TOLERANCE[dtype], f"losses differ: {losses}"
            timed = time_in_rounds(calls, rounds=rounds, device=place)
            peaks = peaks_in_processes(
                "benchmarks.train_step", calls, tokens=length, dtypes=dtype, threads=threads, device=device
            )
            rows.append(
                {
                    "dtype": dtype,
                    "tokens": length,
                    "trivium tokens/s": length / timed.best_s("trivium"),
                    "transformers tokens/s": length / timed.best_s("transformers"),
                    "times faster": timed.ratio("transformers", "trivium"),
                    "trivium peak MB": peaks["trivium"] / 1e6,
                    "transformers peak MB": peaks["transformers"] / 1e6,
                    "loss difference": difference,
                }
            )
    report("train_step", rows, place)


if __name__ == "__main__":
    app()
