"""A finished stage's files: the checkpoint directory, the metrics, the loss curve. Byte for byte the same each time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from components.core.files import write_directory, write_json, write_text
from components.core.lineage import Manifest, describe_shard, write_manifest
from components.training.layout import (
    CHECKPOINTS,
    INIT,
    INIT_PRODUCER,
    OPTIMIZER_FILE,
    curve_file,
    metrics_file,
    producer,
)
from components.training.module import TrainingState
from components.training.preflight import StagePlan
from model import MLATransformer
from model.exchange.hf import export_pretrained
from model.tensor_files import save_tensors

FINAL_STEPS = 20  # the final loss is the mean over this many last steps
CURVE_POINTS = 2000


def write_initial(model: MLATransformer, *, tokenizer_sha256: str) -> None:
    """Write checkpoints/init."""
    facts = {
        "tokenizer_sha256": tokenizer_sha256,
        "vocab_size": model.config.vocab_size,
        "rope_theta": model.config.rope_theta,
        "schedule_end": None,
        "tokens": 0,
        "curriculum": [],
        "complete": True,
    }
    _write(CHECKPOINTS / INIT, model, {}, Manifest(producer=INIT_PRODUCER, shards=(), facts=facts))


def write_trained(
    plan: StagePlan,
    model: MLATransformer,
    optimizer: Mapping[str, Tensor],
    state: TrainingState,
    *,
    deterministic: bool,
) -> dict[str, Any]:
    """Write the stage's metrics, its curve, and last its checkpoint; returns the metrics."""
    entry = {
        "stage": plan.name,
        "tokens": state.steps * plan.step_tokens,
        "steps": state.steps,
        # What rebuilds the rows trained: TrainingOrder(directories, mixture, row_tokens, order_seed)[0:samples].
        "token_directories": [directory.as_posix() for directory in plan.token_directories],
        "mixture": plan.mixture,
        "row_tokens": plan.stage.sequence_tokens,
        "order_seed": plan.order_seed,
        "samples": state.steps * plan.stage.batch_rows,
        "rows_by_domain": state.rows_by_domain,
        "target_weight": state.targets,
        "loss_weights": plan.stage.loss_weights,
        "rope_theta": plan.stage.rope_theta,
        "rope_scaling": None if plan.stage.rope_scaling is None else plan.stage.rope_scaling.model_dump(mode="json"),
        "float8": plan.stage.float8,
        "schedule": plan.stage.schedule.model_dump(mode="json"),
    }
    curriculum = [*plan.facts["curriculum"], entry]
    tokens = sum(past["tokens"] for past in curriculum)
    facts = {
        "tokenizer_sha256": plan.facts["tokenizer_sha256"],
        "vocab_size": plan.facts["vocab_size"],
        "rope_theta": plan.stage.rope_theta,
        "schedule_end": plan.stage.schedule.end,
        "tokens": tokens,
        "curriculum": curriculum,
        "complete": True,
    }
    last = state.losses[-FINAL_STEPS:]
    metrics = {
        "tokens": entry["tokens"],
        "tokens_in_all": tokens,
        "steps": state.steps,
        "final_loss": sum(last) / len(last),
        "deterministic": deterministic,
    }
    write_json(metrics_file(plan.name), metrics)
    points = curve(state.losses, plan.step_tokens)
    lines = ["tokens,loss", *(f"{tokens},{loss:.6f}" for tokens, loss in points)]
    write_text(curve_file(plan.name), "\n".join(lines) + "\n")
    manifest = Manifest(producer=producer(plan.name), shards=(), facts=facts)
    _write(CHECKPOINTS / plan.name, model, optimizer, manifest)
    return metrics


def read_optimizer(checkpoint: Path) -> dict[str, Tensor] | None:
    """Optimizer state a checkpoint carries on; None for initial weights. The manifest has been verified."""
    path = checkpoint / OPTIMIZER_FILE
    return load_file(path) if path.exists() else None


def curve(losses: list[float], step_tokens: int) -> list[tuple[int, float]]:
    """(tokens seen, mean loss since the point before) at no more than CURVE_POINTS points."""
    every = -(-len(losses) // CURVE_POINTS)
    windows = [losses[start : start + every] for start in range(0, len(losses), every)]
    ends = [min((number + 1) * every, len(losses)) for number in range(len(windows))]
    return [(end * step_tokens, sum(window) / len(window)) for end, window in zip(ends, windows, strict=True)]


def _write(target: Path, model: MLATransformer, optimizer: Mapping[str, Tensor], manifest: Manifest) -> None:
    with write_directory(target) as directory:
        export_pretrained(model, directory)
        if optimizer:
            save_tensors(optimizer, directory / OPTIMIZER_FILE)
        shards = tuple(describe_shard(directory, path) for path in sorted(directory.iterdir()))
        write_manifest(directory, manifest.model_copy(update={"shards": shards}))
