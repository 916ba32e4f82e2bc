"""The stage `release`: a finished checkpoint becomes files that others can load, proved to be that model.

    checkpoints/<gate.candidate>, artifacts/tokenizer, metrics/gate.json, metrics/evaluate, data/raw/manifest.json
    -> release/ (transformers' layout, GGUF files, card, parity, checksums), and a version in the MLflow registry

Everything is written beside `release/`, compared with the model there and registered, and renamed only then.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from components.agent.serving import serving_tokenizer
from components.agent.template import CHAT_TEMPLATE
from components.core.errors import BadInput
from components.core.files import write_directory, write_json, write_text
from components.core.lineage import Manifest, describe_shard, read_manifest, stage_identity
from components.core.params import Params
from components.core.stage import StageContext
from components.core.validation import first_fault
from components.evaluation.checkpoint import CHECKPOINTS, Checkpoint, load_checkpoint
from components.evaluation.report import METRICS as EVALUATIONS
from components.release import layout
from components.release.card import RELEASED, CardFacts, model_card
from components.release.checksums import write_checksums
from components.release.parity import Parity, check_parity
from components.release.registry import STATUS_TAG, register
from components.tokenizer import TextTokenizer, load_tokenizer
from components.tokenizer.text import CONFIG_FILE as TOKENIZER_CONFIG_FILE
from components.tokenizer.text import TOKENIZER_FILE, tokenizer_config
from model import MLATransformer
from model.exchange.gguf import GGUFDType
from model.exchange.gguf import export as export_gguf
from model.exchange.hf import GENERATION_FILE, WEIGHTS_FILE, export_pretrained

TOKENIZER = Path("artifacts/tokenizer")
GATE = Path("metrics/gate.json")
RAW = Path("data/raw")
_STEPS = ("inputs", "files", "parity", "card", "registry")


class GateFile(BaseModel):
    """metrics/gate.json as far as a release depends on it."""

    model_config = ConfigDict(extra="allow")

    verdict: str
    candidate: str
    baseline: str
    checks: dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that a release is made of, read and checked."""

    checkpoint: Checkpoint
    tokenizer: TextTokenizer
    gate: GateFile
    sources: Manifest
    identity: str


def run(context: StageContext) -> None:
    """Build and register the release.

    Raises BadInput for inputs that do not fit, ParityError for a form that differs from the model.
    """
    params = context.params
    done = iter(range(1, len(_STEPS) + 1))

    def finished() -> None:
        context.progress.update(next(done), len(_STEPS), "steps")

    inputs = read_inputs(params)
    finished()
    with write_directory(layout.RELEASE) as directory:
        write_model(directory, params, inputs)
        ggufs = write_ggufs(directory, params, inputs)
        finished()
        parity = check_exports(directory, ggufs, params, inputs)
        finished()
        facts = write_metadata(directory, params, inputs, parity)
        finished()
        version = register(
            params.release.name,
            directory,
            released=facts.status == RELEASED,
            tags={STATUS_TAG: facts.status, "trivium.gate": inputs.gate.verdict, "trivium.build": inputs.identity},
            tracker=context.tracker,
        )
    context.tracker.set_tags({"trivium.model": params.release.name, "trivium.model_version": version})
    context.tracker.log_metrics(
        {
            "parity_logits": parity.logits,
            "parity_log_probabilities": parity.log_probabilities,
            "parity_equal_continuations": parity.equal_continuations,
            **{f"size_bytes.{name}": size for name, size in facts.files.items()},
        },
        tokens=facts.tokens,
    )
    finished()


def read_inputs(params: Params) -> Inputs:
    """Raises BadInput if an input is missing, corrupt, or belongs to another candidate or tokenizer."""
    tokenizer = load_tokenizer(TOKENIZER)
    candidate = params.gate.candidate
    checkpoint = load_checkpoint(candidate, tokenizer)
    try:
        gate = GateFile.model_validate_json(GATE.read_bytes())
    except FileNotFoundError:
        raise BadInput(f"{GATE}: missing; run `dvc repro gate`") from None
    except ValidationError as error:
        raise BadInput(f"{GATE}: not a gate's verdict ({first_fault(error)}); run `dvc repro gate`") from None
    if gate.candidate != candidate:
        raise BadInput(
            f"{GATE}: candidate = {gate.candidate!r}, but gate.candidate is {candidate!r}; run `dvc repro gate`"
        )
    sources = read_manifest(RAW, "ingest")
    evaluations = sorted(EVALUATIONS.glob("*.json"))
    if EVALUATIONS / f"{candidate}.json" not in evaluations:
        raise BadInput(f"{EVALUATIONS / candidate}.json: missing; run `dvc repro evaluate@{candidate}`")
    identity = stage_identity(
        layout.PRODUCER,
        {path.as_posix(): path for path in (CHECKPOINTS / candidate, TOKENIZER, RAW, GATE, *evaluations)},
        {"release": params.release.model_dump(mode="json"), "candidate": candidate},
    )
    return Inputs(
        checkpoint=checkpoint,
        tokenizer=tokenizer,
        gate=gate,
        sources=sources,
        identity=identity,
    )


def write_model(directory: Path, params: Params, inputs: Inputs) -> None:
    """The directory as transformers reads it."""
    export_pretrained(inputs.checkpoint.model, directory)
    generation = json.loads((directory / GENERATION_FILE).read_bytes())
    # As it was evaluated: greedy, and a turn of this length at most.
    defaults = {"do_sample": False, "max_new_tokens": params.evaluation.max_turn_tokens}
    write_json(directory / GENERATION_FILE, generation | defaults)
    (directory / WEIGHTS_FILE).chmod(0o644)  # safetensors lets nobody else read what it writes
    (directory / TOKENIZER_FILE).write_bytes((TOKENIZER / TOKENIZER_FILE).read_bytes())
    template = CHAT_TEMPLATE.read_text(encoding="utf-8")
    write_text(directory / layout.TEMPLATE_FILE, template)
    config = tokenizer_config(inputs.checkpoint.model.config.max_position_embeddings)
    write_json(directory / TOKENIZER_CONFIG_FILE, {**config, "chat_template": template})


def write_ggufs(directory: Path, params: Params, inputs: Inputs) -> dict[str, Path]:
    """The files for llama.cpp, by type. Raises BadInput for a shape that llama.cpp or a type cannot hold."""
    found: dict[str, Path] = {}
    for dtype in params.release.gguf_dtypes:
        found[dtype] = directory / layout.gguf_file(params.release.name, dtype)
        found[dtype].parent.mkdir(exist_ok=True)
        try:
            _export(inputs.checkpoint.model, found[dtype], dtype, params.release.name)
        except ValueError as error:
            raise BadInput(f"release.gguf_dtypes: {dtype}: {error}") from None
    return found


def check_exports(directory: Path, ggufs: dict[str, Path], params: Params, inputs: Inputs) -> Parity:
    """Compare all forms with the model; a float32 GGUF is made for that where none is released."""
    with tempfile.TemporaryDirectory() as scratch:
        exact = ggufs.get("f32")
        if exact is None:
            exact = Path(scratch) / "f32.gguf"
            _export(inputs.checkpoint.model, exact, "f32", params.release.name)
        rounded = {dtype: path for dtype, path in ggufs.items() if dtype != "f32"}
        return check_parity(inputs.checkpoint.model, inputs.tokenizer, directory, exact, rounded)


def write_metadata(directory: Path, params: Params, inputs: Inputs, parity: Parity) -> CardFacts:
    """parity.json, the card, the manifest and the checksums, in this order: each covers those before it."""
    write_json(directory / layout.PARITY_FILE, parity.report())
    facts = CardFacts(
        config=inputs.checkpoint.model.config,
        curriculum=inputs.checkpoint.curriculum,
        gate=inputs.gate.model_dump(),
        sources=inputs.sources,
        parity=parity.report(),
        tokenizer_sha256=inputs.tokenizer.sha256,
        identity=inputs.identity,
        files={
            path.relative_to(directory).as_posix(): path.stat().st_size
            for path in directory.rglob("*")
            if path.is_file()
        },
    )
    write_text(directory / layout.CARD_FILE, model_card(params, facts))
    manifest = Manifest(
        producer=layout.PRODUCER,
        shards=tuple(describe_shard(directory, path) for path in sorted(directory.rglob("*")) if path.is_file()),
        facts={
            "name": params.release.name,
            "status": facts.status,
            "gate": inputs.gate.verdict,
            "checkpoint": inputs.checkpoint.name,
            "tokens": facts.tokens,
            "tokenizer_sha256": inputs.tokenizer.sha256,
            "identity": inputs.identity,
        },
    )
    write_json(directory / layout.MANIFEST_FILE, manifest.model_dump(mode="json"))
    write_checksums(directory)
    return facts


def _export(model: MLATransformer, path: Path, dtype: GGUFDType, name: str) -> None:
    """One GGUF, with the tokenizer as servers need it."""
    with tempfile.TemporaryDirectory() as scratch:
        served = Path(scratch) / TOKENIZER_FILE
        write_json(served, serving_tokenizer(json.loads((TOKENIZER / TOKENIZER_FILE).read_bytes())))
        export_gguf(model, served, CHAT_TEMPLATE.read_text(encoding="utf-8"), path, dtype, name)
