"""What must fit before a stage may train: its predecessor's checkpoint, its shards, the disk.

Every check reads files and compares; none loads weights. A misfit is a BadInput that names field, value and remedy,
so nothing is spent on a run that would be thrown away.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.core.errors import BadInput
from components.core.fingerprint import code_hash
from components.core.lineage import Manifest, read_manifest, stage_identity, verify
from components.core.params import CurriculumStage, Params, find_stage
from components.core.paths import home
from components.training.layout import (
    CHECKPOINTS,
    INIT,
    INIT_PRODUCER,
    KEPT_CHECKPOINTS,
    TOKENS,
    producer,
)
from model.config import MLAConfig
from model.exchange.hf import WEIGHTS_FILE, load_config

_STATES_PER_WEIGHT = 3  # the weight itself and at most two optimizer entries


@dataclass(frozen=True, kw_only=True)
class StagePlan:
    """One curriculum stage, checked, with everything its training needs to know."""

    name: str
    stage: CurriculumStage
    predecessor: Path
    facts: Mapping[str, Any]  # of the predecessor's manifest
    token_directories: tuple[Path, ...]
    order_seed: int
    identity: str

    @property
    def step_tokens(self) -> int:
        """Positions of one optimizer step, over all devices."""
        return self.stage.batch_rows * self.stage.sequence_tokens

    @property
    def steps(self) -> int:
        """Optimizer steps that reach the token budget."""
        return math.ceil(self.stage.token_budget / self.step_tokens)

    @property
    def mixture(self) -> dict[str, float]:
        return self.stage.row_mixture


def plan_stage(params: Params, name: str) -> StagePlan:
    """Check everything stage `name` needs, relative to the working directory. Raises BadInput at the first misfit."""
    stage = find_stage(params, name)
    where = f"curriculum.{name}"
    predecessor = CHECKPOINTS / stage.init_from
    checkpoint = read_manifest(predecessor, INIT_PRODUCER if stage.init_from == INIT else producer(stage.init_from))
    verify(predecessor, checkpoint)
    _check_model(params, stage, predecessor, where)
    _check_continuity(stage, checkpoint.facts, where)
    directories = tuple(sorted({TOKENS, Path(stage.agent_tokens)} - {TOKENS / "manifest.json"}))
    manifests = {directory: read_manifest(directory) for directory in directories}
    for directory, tokens in manifests.items():
        _check_tokenizer(directory, tokens, predecessor, checkpoint.facts)
    _check_mixture(stage, manifests, where)
    _check_disk(predecessor / WEIGHTS_FILE)
    return StagePlan(
        name=name,
        stage=stage,
        predecessor=predecessor,
        facts=checkpoint.facts,
        token_directories=directories,
        order_seed=order_seed(params.seed if stage.seed is None else stage.seed, name),
        identity=_identity(params, name, predecessor, directories),
    )


def order_seed(seed: int, name: str) -> int:
    """Seed of a stage's training order: its own, so that two stages over one domain draw different rows."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:4], "big")


def require_free(directory: Path, need_bytes: int) -> None:
    """Raise BadInput unless the file system of `directory` has `need_bytes` left."""
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    free_bytes = shutil.disk_usage(existing).free
    if free_bytes < need_bytes:
        raise BadInput(
            f"{directory}: {free_bytes:,} bytes free, checkpoints need {need_bytes:,}; "
            "free some space or set TRIVIUM_HOME to a larger disk"
        )


def _check_model(params: Params, stage: CurriculumStage, predecessor: Path, where: str) -> None:
    """The weights have the shape of `params.model`, whose context the schema has compared with the stage's rows."""
    config = read_config(predecessor)
    for field, wanted in params.model.model_dump().items():
        found = getattr(config, field)
        if field != "rope_theta" and found != wanted:
            raise BadInput(
                f"model.{field} = {wanted!r}, but {predecessor} was built with {found!r}; "
                "run `dvc repro init_model` and the stages after it, or restore the parameter"
            )
    if stage.rope_theta < config.rope_theta:
        raise BadInput(
            f"{where}.rope_theta = {stage.rope_theta}: below the {config.rope_theta} of {predecessor}; "
            "the base may only grow along the curriculum"
        )
    yarn = config.rope_scaling
    if yarn is None:
        return
    original_tokens = yarn.original_max_position_embeddings
    if stage.rope_scaling is None or not stage.rope_scaling.goes_on_from(yarn.factor, original_tokens):
        raise BadInput(
            f"{where}.rope_scaling = {stage.rope_scaling!r}: {predecessor} was stretched by {yarn.factor:g} from "
            f"{original_tokens} tokens; keep that or stretch further"
        )


def read_config(checkpoint: Path) -> MLAConfig:
    """The model's shape in a checkpoint. Raises BadInput if it cannot be read."""
    try:
        return load_config(checkpoint)[0]
    except ValueError as error:
        raise BadInput(str(error)) from None


def _check_continuity(stage: CurriculumStage, facts: Mapping[str, Any], where: str) -> None:
    if facts.get("complete") is not True:
        raise BadInput(
            f"{where}.init_from = {stage.init_from!r}: its checkpoint is not complete; run `dvc repro` for the stage "
            "that writes it"
        )
    ended_at = facts["schedule_end"]
    if ended_at is not None and abs(ended_at - stage.schedule.start) > 1e-9:
        raise BadInput(
            f"{where}.schedule.start = {stage.schedule.start}: {stage.init_from} ended at {ended_at}; "
            "start there, the learning rate must not jump"
        )


def _check_tokenizer(directory: Path, tokens: Manifest, predecessor: Path, facts: Mapping[str, Any]) -> None:
    for field in ("tokenizer_sha256", "vocab_size"):
        if tokens.facts.get(field) != facts[field]:
            raise BadInput(
                f"{directory}: {field} = {tokens.facts.get(field)!r}, but {predecessor} was built for "
                f"{facts[field]!r}; run `dvc repro` so that shards and weights share one tokenizer"
            )


def _check_mixture(stage: CurriculumStage, manifests: Mapping[Path, Manifest], where: str) -> None:
    length = str(stage.sequence_tokens)
    rows: dict[str, int] = {}
    for manifest in manifests.values():
        for domain, lengths in manifest.totals["domains"].items():
            rows[domain] = rows.get(domain, 0) + int(lengths.get(length, {"rows": 0})["rows"])
    for domain, share in stage.row_mixture.items():
        if share > 0 and not rows.get(domain):
            known = ", ".join(sorted(name for name, count in rows.items() if count))
            remedy = "; set its part of agent_streams to 0 or give it families" if domain not in stage.mixture else ""
            raise BadInput(
                f"{where}.mixture.{domain} = {share:g}: no rows of {length} tokens in "
                f"{' or '.join(map(str, manifests))}; domains that have some: {known or 'none'}{remedy}"
            )
    if stage.loss_weights == "spans" and "agent" not in stage.mixture:
        raise BadInput(
            f"{where}.loss_weights = 'spans': only `agent` rows have span weights and the mixture names none; "
            "add agent to the mixture or set loss_weights to uniform"
        )


def _check_disk(weights: Path) -> None:
    state_bytes = _STATES_PER_WEIGHT * weights.stat().st_size
    require_free(home(), (KEPT_CHECKPOINTS + 1) * state_bytes)
    require_free(CHECKPOINTS, state_bytes)


def _identity(params: Params, name: str, predecessor: Path, directories: tuple[Path, ...]) -> str:
    """Names the stage's work: inputs, parameters and the code that computes it."""
    return stage_identity(
        producer(name),
        {str(path): path for path in (predecessor, *directories)},
        {
            "seed": params.seed,
            "stage": params.curriculum[name].model_dump(mode="json"),
            "optimizer": params.optimizer.model_dump(mode="json"),
            "code": code_hash(producer(name)),
        },
    )
