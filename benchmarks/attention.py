"""`python -m benchmarks.attention`: which backend takes which shape, and how fast, forward and backward.

Head sizes are the published model's: queries and keys 192 wide, values 128, 16 heads. What a kernel refuses is said in
its row. Rates count the arithmetic of causal attention, half of the square.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, get_args

import torch
import typer

from benchmarks.measure import report, set_device, time_in_rounds
from benchmarks.shapes import DTYPES
from model.backends import AttentionBackend, attention, check_backend
from model.packing import Packing

QK_WIDTH, V_WIDTH = 192, 128
app = typer.Typer(add_completion=False)


def candidates(
    tokens: int, heads: int, documents: int, backend: AttentionBackend, dtype: torch.dtype, device: torch.device
) -> dict[str, Callable[[], object]]:
    """Forward alone, and forward with backward, on one row cut into equal documents."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (
        torch.randn(1, tokens, heads, width, generator=generator).to(device, dtype).requires_grad_()
        for width in (QK_WIDTH, QK_WIDTH, V_WIDTH)
    )
    ids_BL = (torch.arange(tokens, device=device) * documents // tokens)[None]
    packing = None if documents == 1 else Packing.of(ids_BL)
    d_out = torch.ones(1, tokens, heads, V_WIDTH, device=device, dtype=dtype)

    def forward() -> object:
        return attention(q.detach(), k.detach(), v.detach(), packing, backend, QK_WIDTH**-0.5)

    def both() -> object:
        return torch.autograd.grad(attention(q, k, v, packing, backend, QK_WIDTH**-0.5), (q, k, v), d_out)

    return {"forward": forward, "forward and backward": both}


@app.command()
def main(
    tokens: Annotated[list[int], typer.Option(help="Row lengths.")] = [1024, 4096],  # noqa: B006  # typer reads it
    documents: Annotated[list[int], typer.Option(help="Documents a row is cut into.")] = [1, 8],  # noqa: B006
    backends: Annotated[list[str], typer.Option()] = list(get_args(AttentionBackend)),  # noqa: B006, B008
    heads: Annotated[int, typer.Option(min=1)] = 16,
    dtype: Annotated[str, typer.Option(help=f"One of {list(DTYPES)}.")] = "bfloat16",
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Time and rate of every backend on every shape."""
    place = set_device(threads, device)
    rows: list[dict[str, object]] = []
    for length in tokens:
        for count in documents:
            for name in backends:
                row: dict[str, object] = {"backend": name, "tokens": length, "documents": count}
                operations = 2 * heads * (QK_WIDTH + V_WIDTH) * length * (length // count) / 2
                calls = candidates(length, heads, count, check_backend(name), DTYPES[dtype], place)
                for what, call in calls.items():
                    try:
                        timed = time_in_rounds({what: call}, rounds=rounds, device=place)
                    except (ValueError, RuntimeError) as refusal:  # the answer this benchmark asks for
                        row |= {f"{what} ms": "refused", f"{what} TFLOP/s": str(refusal).splitlines()[0][:60]}
                        continue
                    work = operations * (1 if what == "forward" else 3.5)  # flash recomputes the scores
                    row |= {
                        f"{what} ms": 1e3 * timed.best_s(what),
                        f"{what} TFLOP/s": work / timed.best_s(what) / 1e12,
                    }
                rows.append(row)
    report(f"attention, {dtype}", rows, place)


if __name__ == "__main__":
    app()
