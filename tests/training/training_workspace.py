"""A small world to train in: toy parameters, real token shards, a real tokenizer, initial weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
from small_tokenizer import write_tokenizer
from stage_workspace import inside, toy_params, write_params

from components.core.params import Params, parse
from components.tokenizer.train import learn_tokenizer
from components.tokens import TokenDocument, pack, write_token_shards
from components.tokens.rows import Row
from components.training.checkpoint import write_initial
from components.training.initial import draw_model

VOCAB = 272  # the bytes and the special tokens
ROW_TOKENS = (32, 64)
FIRST_STEPS = 100  # enough that a signal sent late still finds the stage at work
TOKENIZER_SHA256 = "f" * 64

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
    "agent_streams": {"math": 1},
}


def raw_params() -> dict[str, Any]:
    """A toy model and two short stages with unlike shapes."""
    return toy_params(_FIRST, _SECOND, row_tokens=ROW_TOKENS, context_tokens=max(ROW_TOKENS))


def build_workspace(root: Path, raw: dict[str, Any] | None = None) -> Params:
    """Write params.yaml, token shards, a tokenizer and checkpoints/init below `root`."""
    raw = raw or raw_params()
    params = parse(raw)
    write_params(root, raw)
    write_shards(root / "data/tokens", ("general", "code"))
    write_shards(root / "data/trajectory_tokens", ("agent_math",))
    tokenizer = write_tokenizer(root / "artifacts/tokenizer", learn_tokenizer([], VOCAB))
    with inside(root):
        write_initial(draw_model(params, tokenizer), tokenizer_sha256=TOKENIZER_SHA256)
    return params


def write_shards(directory: Path, domains: tuple[str, ...], facts: Mapping[str, Any] | None = None) -> None:
    """Packed rows of learnable text: each document repeats a short random phrase. `agent` rows carry weights."""
    packs: dict[tuple[str, int], Sequence[Row]] = {}
    for number, domain in enumerate(domains):
        rng = np.random.default_rng(number)
        documents = []
        for _ in range(60):
            phrase = rng.integers(0, 256, size=rng.integers(2, 6))
            ids = np.resize(phrase, rng.integers(6, 40)).astype(np.uint32)
            weights = (rng.integers(0, 3, size=len(ids)) / 2).astype(np.float16) if domain == "agent_math" else None
            documents.append(TokenDocument(ids=ids, weights=weights))
        packs |= {(domain, row_tokens): pack(documents, row_tokens).rows for row_tokens in ROW_TOKENS}
    facts = facts or {"tokenizer_sha256": TOKENIZER_SHA256, "vocab_size": VOCAB}
    write_token_shards(directory, packs, shard_rows=8, producer="tokenize", facts=facts)


def wait_for(condition: Callable[[], bool], process: ForkServerProcess) -> None:
    """Until the condition holds or the process has ended."""
    while not condition() and process.is_alive():
        time.sleep(0.002)


def steps_saved(workspace: Path) -> int:
    """Step number of the newest in-progress checkpoint."""
    return max((int(path.name[5:]) for path in (workspace / "home").glob("progress/*/step-*")), default=0)
