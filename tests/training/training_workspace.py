"""A small world to train in: toy parameters, real token shards, a real tokenizer, initial weights."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from small_tokenizer import learn_tokenizer, write_tokenizer

from components.params import Params, parse
from components.tokens import TokenDocument, pack, write_token_shards
from components.training.checkpoint import write_initial
from model import MLAConfig, MLATransformer
from model.init import initialise

REPOSITORY = Path(__file__).parents[2]
VOCAB = 272  # the bytes and the special tokens
ROW_TOKENS = (32, 64)
FIRST_STEPS = 100  # enough that a signal sent late still finds the stage at work
TOKENIZER_SHA256 = "f" * 64

_MODEL = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "q_lora_rank": 8,
    "kv_lora_rank": 8,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 4,
    "v_head_dim": 8,
    "max_position_embeddings": 64,
}
_FIRST = {
    "init_from": "init",
    "token_budget": FIRST_STEPS * 4 * 32,
    "sequence_tokens": 32,
    "batch_rows": 4,
    "mixture": {"general": 0.75, "code": 0.25},
    "schedule": {"phase": "warmup", "start": 0.0, "end": 1.0, "warmup_share": 0.25},
    "rope_theta": 10000.0,
}
_SECOND = {
    "init_from": "first",
    "token_budget": 10 * 2 * 64,
    "sequence_tokens": 64,
    "batch_rows": 2,
    "mixture": {"agent": 0.5, "general": 0.5},
    "schedule": {"phase": "decay", "start": 1.0, "end": 0.1},
    "rope_theta": 20000.0,
    "loss_weights": "spans",
    "agent_tokens": "data/trajectory_tokens",
}


def raw_params() -> dict[str, Any]:
    """params.yaml of the repository with a toy model and a curriculum of two stages, `first` and `second`."""
    raw: dict[str, Any] = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    raw["tokens"]["row_tokens"] = list(ROW_TOKENS)
    raw["model"] |= _MODEL
    raw["curriculum"] = {"first": dict(_FIRST), "second": dict(_SECOND)}
    raw["gate"] |= {"candidate": "second", "baseline": "first"}
    return raw


def build_workspace(root: Path, raw: dict[str, Any] | None = None) -> Params:
    """Write params.yaml, token shards, a tokenizer and checkpoints/init below `root`."""
    raw = raw or raw_params()
    params = parse(raw)
    root.mkdir(parents=True, exist_ok=True)
    (root / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    write_shards(root / "data/tokens", ("general", "code"))
    write_shards(root / "data/trajectory_tokens", ("agent",))
    write_tokenizer(root / "artifacts/tokenizer", learn_tokenizer([], VOCAB))
    config = MLAConfig(
        **params.model.model_dump(), vocab_size=VOCAB, bos_token_id=256, eos_token_id=257, pad_token_id=258
    )
    model = MLATransformer(config)
    initialise(model, params.seed)
    before = Path.cwd()
    os.chdir(root)
    try:
        write_initial(model, tokenizer_sha256=TOKENIZER_SHA256)
    finally:
        os.chdir(before)
    return params


def write_shards(directory: Path, domains: tuple[str, ...], facts: Mapping[str, Any] | None = None) -> None:
    """Packed rows of learnable text: each document repeats a short random phrase. `agent` rows carry weights."""
    packs = {}
    for number, domain in enumerate(domains):
        rng = np.random.default_rng(number)
        documents = []
        for _ in range(60):
            phrase = rng.integers(0, 256, size=rng.integers(2, 6))
            ids = np.resize(phrase, rng.integers(6, 40)).astype(np.uint32)
            weights = (rng.integers(0, 3, size=len(ids)) / 2).astype(np.float16) if domain == "agent" else None
            documents.append(TokenDocument(ids=ids, weights=weights))
        packs |= {(domain, row_tokens): pack(documents, row_tokens).rows for row_tokens in ROW_TOKENS}
    facts = facts or {"tokenizer_sha256": TOKENIZER_SHA256, "vocab_size": VOCAB}
    write_token_shards(directory, packs, shard_rows=8, producer="tokenize", facts=facts)


def file_bytes(root: Path, *places: str) -> dict[str, bytes]:
    """Content of every file below `places`, by path."""
    paths = [path for place in places for path in [root / place, *(root / place).rglob("*")] if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(paths)}


class StageRunner:
    """Runs the real program in processes of its own, forked from a server that has the imports behind it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.context = get_context("forkserver")
        self.context.set_forkserver_preload(["components.training.loop", "mlflow"])

    def start(self, workspace: Path, *arguments: str, **environment: str) -> ForkServerProcess:
        settings = {
            "TRIVIUM_HOME": str(workspace / "home"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.home / 'mlflow.db'}",
            "TRIVIUM_CPU_THREADS": "1",
        }
        process = self.context.Process(target=_main, args=(workspace, arguments, settings | environment))
        process.start()
        return process

    def run(self, workspace: Path, *arguments: str, **environment: str) -> int:
        """Exit code of one run."""
        return finish(self.start(workspace, *arguments, **environment))


def finish(process: ForkServerProcess) -> int:
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def wait_for(condition: Callable[[], bool], process: ForkServerProcess) -> None:
    """Until the condition holds or the process has ended."""
    while not condition() and process.is_alive():
        time.sleep(0.002)


def steps_saved(workspace: Path) -> int:
    """Step number of the newest in-progress checkpoint."""
    return max((int(path.name[5:]) for path in (workspace / "home").glob("progress/*/step-*")), default=0)


def _main(workspace: Path, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    os.chdir(workspace)
    sys.argv = ["components.training", *arguments]
    from components.training.__main__ import app

    with (workspace / "stderr.txt").open("a", buffering=1) as stream, redirect_stderr(stream):
        app()
