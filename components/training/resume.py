"""In-progress checkpoints: whole or not counted, keyed by the identity of the stage's work.

They lie below the home, outside every DVC output, at progress/<identity>/step-<number>/: the weights and optimizer
state as safetensors, the rest as JSON, and a manifest with their hashes. A directory appears whole or not at
all, so a kill at any moment leaves the one before. No pickle is ever read.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from pydantic import TypeAdapter
from safetensors.torch import load_file
from torch import Tensor

from components.core.errors import BadInput
from components.core.files import write_directory, write_json
from components.core.lineage import Manifest, describe_shard, read_manifest, verify, write_manifest
from components.core.paths import home
from components.training.layout import KEPT_CHECKPOINTS, OPTIMIZER_FILE
from components.training.module import TrainingState
from model.tensor_files import save_tensors

WEIGHTS_FILE = "weights.safetensors"
STATE_FILE = "state.json"
_LOSSES = "losses"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything a stage's training continues from, on the CPU."""

    state: TrainingState
    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class ProgressStore:
    """The in-progress checkpoints of one identity."""

    directory: Path
    identity: str

    def save(self, snapshot: Snapshot) -> None:
        """Keep a snapshot, durably, then drop all but the newest few."""
        target = self.directory / f"step-{snapshot.state.steps:09d}"
        facts = asdict(snapshot.state)
        losses = torch.tensor(facts.pop(_LOSSES), dtype=torch.float64)
        with write_directory(target) as directory:
            save_tensors(snapshot.weights | {_LOSSES: losses}, directory / WEIGHTS_FILE)
            save_tensors(snapshot.optimizer, directory / OPTIMIZER_FILE)
            write_json(directory / STATE_FILE, facts)
            names = (WEIGHTS_FILE, OPTIMIZER_FILE, STATE_FILE)
            shards = tuple(describe_shard(directory, directory / name) for name in names)
            write_manifest(directory, Manifest(producer=self.identity, shards=shards))
        for old in self._newest_first()[KEPT_CHECKPOINTS:]:
            shutil.rmtree(old)

    def newest(self) -> Snapshot | None:
        """The newest whole checkpoint. One that is not whole is reported and passed over."""
        for directory in self._newest_first():
            try:
                verify(directory, read_manifest(directory, self.identity))
            except BadInput as error:
                print(f"resume: passed over a damaged checkpoint: {error}", file=sys.stderr)
                continue
            return _load(directory)
        return None

    def remove(self) -> None:
        """Forget the work; the finished stage's output has taken its place."""
        shutil.rmtree(self.directory)

    def _newest_first(self) -> list[Path]:
        return sorted(self.directory.glob("step-*"), reverse=True)


@contextmanager
def progress_store(identity: str, *, shared: bool = False) -> Iterator[ProgressStore]:
    """The store of an identity, held by this process alone; further ranks share their first rank's hold.

    Raises BadInput while another process trains this identity.
    """
    directory = home() / "progress" / identity
    store = ProgressStore(directory=directory, identity=identity)
    if shared:
        yield store
        return
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BadInput(
            f"{directory}: another process is training this very stage; wait for it, or stop it and run again"
        ) from None
    else:
        yield store
    finally:
        os.close(lock)


def _load(directory: Path) -> Snapshot:
    weights = load_file(directory / WEIGHTS_FILE)
    losses = weights.pop(_LOSSES).tolist()
    facts: Mapping[str, object] = TypeAdapter(dict[str, object]).validate_json((directory / STATE_FILE).read_bytes())
    state = TypeAdapter(TrainingState).validate_python({**facts, _LOSSES: losses})
    return Snapshot(state=state, weights=weights, optimizer=load_file(directory / OPTIMIZER_FILE))
