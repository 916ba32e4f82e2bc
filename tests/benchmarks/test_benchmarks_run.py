"""Every benchmark runs at a small shape, agrees with what it is compared to, and ends with one JSON line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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
    assert all(columns <= row.keys() for row in result["rows"]) and result["rows"]
