"""`python -m benchmarks.loss`: head and cross-entropy in chunks against all logits at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
import torch.nn.functional as F
import typer
from torch import Tensor

from benchmarks.measure import peak_bytes, peaks_in_processes, report, set_device, time_in_rounds
from benchmarks.shapes import DTYPES
from model.loss import linear_cross_entropy

HIDDEN = 256
app = typer.Typer(add_completion=False)


def candidates(tokens: int, vocabulary: int, dtype: str, device: torch.device) -> dict[str, Callable[[], Tensor]]:
    """Loss and both gradients from the same hidden states; a call returns the head's gradient."""
    generator = torch.Generator().manual_seed(0)
    hidden_NH = torch.randn(tokens, HIDDEN, generator=generator).to(device, DTYPES[dtype]).requires_grad_()
    head_VH = (torch.randn(vocabulary, HIDDEN, generator=generator) * HIDDEN**-0.5).to(device, DTYPES[dtype])
    head_VH.requires_grad_()
    targets_N = torch.randint(0, vocabulary, (tokens,), generator=generator).to(device)
    weights_N = torch.ones(tokens, device=device)

    def gradient(loss: Tensor) -> Tensor:
        _, d_head_VH = torch.autograd.grad(loss, (hidden_NH, head_VH))
        return d_head_VH

    def chunked() -> Tensor:
        loss_sum, weight = linear_cross_entropy(hidden_NH, head_VH, targets_N, weights_N)
        return gradient(loss_sum / weight)

    def plain() -> Tensor:
        return gradient(F.cross_entropy((hidden_NH @ head_VH.T).float(), targets_N))

    return {"trivium": chunked, "all logits": plain}


@app.command()
def main(
    tokens: Annotated[int, typer.Option()] = 4096,
    vocabularies: Annotated[list[int], typer.Option()] = [32_768, 128_256],  # noqa: B006  # typer reads it
    dtypes: Annotated[list[str], typer.Option(help=f"Any of {list(DTYPES)}.")] = list(DTYPES),  # noqa: B006
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    memory_of: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Time and peak memory; gradients must agree before anything is timed."""
    place = set_device(threads, device)
    if memory_of:
        calls = candidates(tokens, vocabularies[0], dtypes[0], place)
        print(peak_bytes(calls[memory_of], place))
        return
    rows = []
    for dtype in dtypes:
        for vocabulary in vocabularies:
            calls = candidates(tokens, vocabulary, dtype, place)
            ours, theirs = (call().float() for call in calls.values())
            difference = float((ours - theirs).abs().max() / theirs.abs().max())
            assert difference <= (1e-5 if dtype == "float32" else 5e-2), f"gradients differ by {difference}"
            del ours, theirs
            timed = time_in_rounds(calls, rounds=rounds, device=place)
            peaks = peaks_in_processes(
                "benchmarks.loss",
                calls,
                tokens=tokens,
                vocabularies=vocabulary,
                dtypes=dtype,
                threads=threads,
                device=device,
            )
            rows.append(
                {
                    "dtype": dtype,
                    "vocabulary": vocabulary,
                    "tokens": tokens,
                    "time, all logits / trivium": timed.ratio("all logits", "trivium"),
                    "trivium peak MB": peaks["trivium"] / 1e6,
                    "all logits peak MB": peaks["all logits"] / 1e6,
                    "gradient difference": difference,
                }
            )
    report("loss", rows, place)


if __name__ == "__main__":
    app()
