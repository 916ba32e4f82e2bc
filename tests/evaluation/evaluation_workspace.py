"""A small world to evaluate in: real text, a real tokenizer, token shards, and two checkpoints with random weights.

The checkpoints are written by the training package itself, so what an evaluation reads of them is what it will find.
"""

from __future__ import annotations

import json
import sysconfig
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from small_tokenizer import write_tokenizer
from stage_workspace import REPOSITORY, inside, toy_params, write_params

from components.core.lineage import Manifest, write_manifest
from components.core.params import Params, parse
from components.corpus.documents import Document, read_lines, text_id, write_documents
from components.tokenizer import TextTokenizer
from components.tokenizer.train import learn_tokenizer
from components.tokens import TokenDocument, TrainingOrder, pack, write_token_shards
from components.tokens.rows import Row
from components.training.checkpoint import write_initial, write_trained
from components.training.initial import draw_model
from components.training.module import TrainingState
from components.training.preflight import plan_stage
from model.init import initialise

VOCAB = 512
ROW_TOKENS = (64, 128)
_STAGE = {
    "batch_rows": 4,
    "rope_theta": 10000.0,
    "schedule": {"phase": "stable", "start": 1.0, "end": 1.0},
}
_FIRST = _STAGE | {
    "init_from": "init",
    "token_budget": 3000,
    "sequence_tokens": 64,
    "mixture": {"encyclopedic": 1.0},
}
_SECOND = _STAGE | {
    "init_from": "first",
    "token_budget": 4000,
    "sequence_tokens": 128,
    "mixture": {"agent": 0.5, "encyclopedic": 0.25, "code": 0.25},
    "loss_weights": "spans",
    "agent_tokens": "data/trajectory_tokens",
    "agent_streams": {"code": 1},
}


def raw_params() -> dict[str, Any]:
    """A toy model, two short stages and a small evaluation."""
    raw = toy_params(_FIRST, _SECOND, row_tokens=ROW_TOKENS, context_tokens=1024)
    raw["trajectories"]["families"] = {"arithmetic_add": 10, "factbook_field": 10}
    raw["evaluation"] |= {
        "held_out_bytes": 4000,
        "episodes": 6,
        "max_turns": 2,
        "max_turn_tokens": 8,
        "held_out_families": ["arithmetic_three_terms"],
        "task_limit": 8,
    }
    return raw


def build_workspace(root: Path) -> Params:
    """Write everything the two evaluations read below `root`."""
    raw = raw_params()
    params = parse(raw)
    write_params(root, raw)
    documents = {"encyclopedic": _factbook(40), "code": _code(12)}
    write_documents(root / "data/raw/factbook", _factbook(300))
    _write_curated(root / "data/curated", documents)
    texts = [document.text for found in documents.values() for document in found[4:]]
    tokenizer = write_tokenizer(root / "artifacts/tokenizer", learn_tokenizer(texts, VOCAB))
    _write_tokens(root / "data/tokens", tokenizer, {name: found[4:] for name, found in documents.items()})
    _write_tokens(root / "data/trajectory_tokens", tokenizer, {"agent_code": documents["code"][:4]})
    with inside(root):
        _write_checkpoints(params, tokenizer)
    return params


def _factbook(count: int) -> list[Document]:
    lines = list(read_lines(REPOSITORY / "components/corpus/starter/factbook.jsonl.zst"))[:count]
    return [
        _document(entry["text"][:2500], "encyclopedic", "factbook", entry["path"], entry["metadata"])
        for entry in map(json.loads, lines)
    ]


def _code(count: int) -> list[Document]:
    paths = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("[a-c]*.py"))[:count]
    return [_document(path.read_text(encoding="utf-8")[:3000], "code", "stdlib", path.name, {}) for path in paths]


def _document(text: str, domain: Any, source: str, path: str, metadata: dict[str, Any]) -> Document:
    return Document(
        id=text_id(text),
        text=text,
        domain=domain,
        language="en",
        source=source,
        licence="public-domain",
        path=path,
        metadata=metadata,
    )


def _write_curated(directory: Path, documents: dict[str, list[Document]]) -> None:
    shards = []
    for domain, found in documents.items():
        for split, chosen in (("heldout", found[:4]), ("train", found[4:])):
            place = f"{split}/{domain}"
            written = write_documents(directory / place, chosen)
            shards += [shard.model_copy(update={"name": f"{place}/{shard.name}"}) for shard in written]
    write_manifest(directory, Manifest(producer="curate", shards=tuple(shards)))


def _write_tokens(directory: Path, tokenizer: TextTokenizer, documents: dict[str, list[Document]]) -> None:
    packs: dict[tuple[str, int], Sequence[Row]] = {}
    for domain, found in documents.items():
        encoded = [
            TokenDocument(
                ids=np.array([tokenizer.bos_id, *tokenizer.encode(document.text), tokenizer.eos_id], dtype=np.uint32)
            )
            for document in found
        ]
        packs |= {(domain, row_tokens): pack(encoded, row_tokens).rows for row_tokens in ROW_TOKENS}
    facts = {"tokenizer_sha256": tokenizer.sha256, "vocab_size": tokenizer.vocab_size}
    write_token_shards(directory, packs, shard_rows=64, producer="tokenize", facts=facts)


def _write_checkpoints(params: Params, tokenizer: TextTokenizer) -> None:
    """checkpoints/init, first and second. Weights are random; the records are those of training that went well."""
    model = draw_model(params, tokenizer)
    write_initial(model, tokenizer_sha256=tokenizer.sha256)
    for seed, name in enumerate(params.curriculum):
        initialise(model, seed)
        plan = plan_stage(params, name)
        order = TrainingOrder(plan.token_directories, plan.mixture, plan.stage.sequence_tokens, plan.order_seed)
        rows = Counter(order[index].domain for index in range(plan.steps * plan.stage.batch_rows))
        state = TrainingState(steps=plan.steps, losses=[1.0] * plan.steps, rows_by_domain=dict(rows), targets=1.0)
        write_trained(plan, model, {}, state, deterministic=True)
