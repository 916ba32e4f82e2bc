"""Which stages there are, and where they read and write. Imports nothing heavy: the command line asks here first."""

from __future__ import annotations

import difflib
from pathlib import Path

from components.params import BadInput, CurriculumStage, Params

INIT = "init"
INIT_PRODUCER = "init_model"
CHECKPOINTS = Path("checkpoints")
TOKENS = Path("data/tokens")
TOKENIZER = Path("artifacts/tokenizer")
OPTIMIZER_FILE = "optimizer.safetensors"
KEPT_CHECKPOINTS = 2  # in-progress checkpoints kept while a stage trains


def find_stage(params: Params, name: str) -> CurriculumStage:
    """The curriculum entry `name`. Raises BadInput with the nearest name if there is none."""
    if name in params.curriculum:
        return params.curriculum[name]
    close = difflib.get_close_matches(name, params.curriculum, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise BadInput(f"curriculum.{name}: no such stage; {hint}known: {', '.join(params.curriculum)}")


def producer(name: str) -> str:
    """DVC's name of the stage that trains the curriculum entry `name`."""
    return f"pretrain@{name}"


def metrics_file(name: str) -> Path:
    return Path("metrics/pretrain") / f"{name}.json"


def curve_file(name: str) -> Path:
    return Path("plots/pretrain") / f"{name}.csv"
