"""Every benchmark runs at a small shape, agrees with what it is compared to, and ends with one JSON line."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("name", "arguments", "columns"),
    [
        ("train_step", "--tokens 64 --dtypes float32", {"times faster", "loss difference"}),
        ("decode", "--contexts 40 --tokens 3", {"times faster", "llama.cpp ms/token"}),
        ("decode", "--contexts 40 --tokens 3 --preset nano --dtype bfloat16", {"times faster", "backend"}),
        ("long_context", "--lengths 512 --items 1", {"accuracy", "peak MB beside weights"}),
        ("loss", "--tokens 96 --vocabularies 500 --dtypes bfloat16", {"gradient difference"}),
        ("pretrain", "--tokens 64 --recompute pointwise", {"tokens/s", "TFLOP/s"}),
        ("attention", "--tokens 64 --heads 2 --dtype float32", {"forward ms", "forward and backward ms"}),
    ],
)
def test_it_ends_with_its_figures(name: str, arguments: str, columns: set[str]) -> None:
    rounds = [] if name == "long_context" else ["--rounds", "1"]
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *rounds, *arguments.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["benchmark"].startswith(name) and result["machine"]["threads"] == 1
    assert result["rows"]
    for row in result["rows"]:
        assert columns <= row.keys()
        for name, value in _numbers(row):
            assert math.isfinite(value), name
            low, high = _RANGES.get(name, (0.0, math.inf))
            assert low <= value <= high, f"{name} is {value}"


# What a figure can be at all; times, rates and sizes are never negative.
_RANGES = {"loss difference": (0.0, 0.02), "gradient difference": (0.0, 0.05), "accuracy": (0.0, 1.0)}


def _numbers(row: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in row.items():
        if isinstance(value, int | float):
            yield name, float(value)
