"""Where training reads and writes."""

from __future__ import annotations

from pathlib import Path

INIT = "init"
INIT_PRODUCER = "init_model"
CHECKPOINTS = Path("checkpoints")
TOKENS = Path("data/tokens")
TOKENIZER = Path("artifacts/tokenizer")
OPTIMIZER_FILE = "optimizer.safetensors"
KEPT_CHECKPOINTS = 2  # in-progress checkpoints kept while a stage trains


def producer(name: str) -> str:
    """DVC's name of the stage that trains the curriculum entry `name`."""
    return f"pretrain@{name}"


def metrics_file(name: str) -> Path:
    return Path("metrics/pretrain") / f"{name}.json"


def curve_file(name: str) -> Path:
    return Path("plots/pretrain") / f"{name}.csv"
