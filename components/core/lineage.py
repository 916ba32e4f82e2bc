"""Which bytes came from which: hashes and manifests.

Every directory a stage writes holds a `manifest.json`. Readers call `read_manifest` and `verify` first, so a
missing, torn or edited shard is refused by name before long work starts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.core.errors import BadInput
from components.core.files import write_json
from components.core.validation import first_fault

MANIFEST = "manifest.json"


class Shard(BaseModel):
    """One immutable file of a directory, named by its content."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="path below the directory")
    sha256: str
    size_bytes: int
    documents: int = 0
    tokens: int = 0


class Manifest(BaseModel):
    """What a directory holds. Nothing in it varies between two honest runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    producer: str = Field(description="stage that wrote the directory")
    shards: tuple[Shard, ...]
    totals: dict[str, Any] = Field(
        default_factory=dict, description="by domain and licence; counts in units named by key"
    )
    facts: dict[str, Any] = Field(
        default_factory=dict, description="what readers check: hashes of inputs, shapes, formats"
    )


def sha256_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(value: object) -> str:
    """Hash of a value by its canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def canonical_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def describe_shard(directory: Path, path: Path, *, documents: int = 0, tokens: int = 0) -> Shard:
    return Shard(
        name=path.relative_to(directory).as_posix(),
        sha256=sha256_file(path),
        size_bytes=path.stat().st_size,
        documents=documents,
        tokens=tokens,
    )


def write_manifest(directory: Path, manifest: Manifest) -> None:
    write_json(directory / MANIFEST, manifest.model_dump(mode="json"))


def read_manifest(directory: Path, producer: str | None = None) -> Manifest:
    """Read a directory's manifest. Raises BadInput if it is missing, torn or another stage's."""
    path = directory / MANIFEST
    remedy = f"run `dvc repro` for the stage that writes {directory}"
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(f"{path}: missing; {remedy}") from None
    except ValidationError as error:
        raise BadInput(f"{path}: not a manifest ({first_fault(error)}); {remedy}") from None
    if producer is not None and manifest.producer != producer:
        raise BadInput(f"{path}: producer = {manifest.producer!r}, but {producer!r} is needed; {remedy}")
    return manifest


def verify(directory: Path, manifest: Manifest) -> None:
    """Check every shard against the manifest. Raises BadInput naming the first shard that differs."""
    for shard in manifest.shards:
        path = directory / shard.name
        if not path.is_file():
            raise BadInput(f"{path}: shard is missing; restore it with `dvc checkout {directory}`")
        if path.stat().st_size != shard.size_bytes or sha256_file(path) != shard.sha256:
            raise BadInput(
                f"{path}: shard is corrupt (content differs from its manifest); restore it with "
                f"`dvc checkout --force {directory}`"
            )


def stage_identity(stage: str, inputs: Mapping[str, Path], params: object) -> str:
    """Hash that names a stage's work: the same identity resumes in-progress work, another starts afresh."""
    hashes = {name: sha256_file(path / MANIFEST if path.is_dir() else path) for name, path in sorted(inputs.items())}
    return sha256_json({"stage": stage, "inputs": hashes, "params": params})
