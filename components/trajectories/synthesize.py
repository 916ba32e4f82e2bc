"""The stage `synthesize`: episodes of every family, spread over worker processes, written as shards.

Work is cut into chunks of consecutive seeds. A finished chunk is kept in the home directory under the stage's identity
until the stage is done, so a run that was stopped goes on where it was; the bytes are the same with any number of
workers and restarts.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from components.core.files import write_directory, write_file
from components.core.lineage import Manifest, read_manifest, sha256_file, stage_identity, verify, write_manifest
from components.core.params import Params
from components.core.paths import home
from components.core.stage import StageContext
from components.tasks.kit.registry import choose_families
from components.trajectories.episodes import GENERATOR_VERSION, SEEDS_PER_RUN, Synthesizer
from components.trajectories.record import Record, by_family, read_shard, shard_name, write_family, write_records
from components.trajectories.teacher.corpus import teach, write_notes
from components.trajectories.workers import cpu_s, in_workers, worker_count

RAW = Path("data/raw")
OUTPUT = Path("data/trajectories")
PRODUCER = "synthesize"
_CHUNK_EPISODES = 50
_COSTLY_CHUNK_EPISODES = 5  # of the code stream, whose episodes run test suites


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Consecutive seeds of one family: the unit of work."""

    family: str
    first_seed: int
    episodes: int
    wrong_branch_share: float
    alternate_share: float

    @property
    def seeds(self) -> range:
        return range(self.first_seed, self.first_seed + self.episodes)


@dataclass(frozen=True, kw_only=True)
class Made:
    """The records of a chunk and the processor time they took, that of test runs included (0 where they were kept)."""

    records: list[Record]
    cpu_s: float


def run(context: StageContext) -> None:
    """Synthesise every family of params.trajectories.families. Raises BadInput for a family that does not exist."""
    params = context.params
    started_s = time.monotonic()
    verify(RAW, read_manifest(RAW, "ingest"))
    synthesizer = Synthesizer()
    families = choose_families(synthesizer.families, params.trajectories.families, "trajectories.families")
    chunks = plan_chunks(params, costly={name for name, family in families.items() if family.domain == "code"})
    total = sum(chunk.episodes for chunk in chunks)
    kept = home() / "synthesize" / _identity(params)
    records: list[Record] = []
    spent_s: dict[str, float] = {}
    done = 0
    for chunk, made in zip(chunks, run_chunks(chunks, worker_count(len(chunks)), kept), strict=True):
        records += made.records
        spent_s[chunk.family] = spent_s.get(chunk.family, 0.0) + made.cpu_s
        done += chunk.episodes
        context.progress.update(done, total, "episodes")
    settings = params.trajectories.teacher
    taught = None
    if settings is not None:
        taught = teach(
            records,
            settings,
            families=synthesizer.families,
            source_licence=synthesizer.source_licence,
            seed=params.seed,
            report=lambda pieces: context.progress.update(pieces, len(records), "pieces of the teacher's work"),
        )
        records = taught.records
    grouped = by_family(records)
    with write_directory(OUTPUT) as directory:
        shards = [shard for name, made in grouped.items() for shard in write_family(directory, name, made)]
        facts: dict[str, Any] = {"generator_version": GENERATOR_VERSION, "seed": params.seed}
        if settings is not None and taught is not None:
            facts |= write_notes(directory, taught, settings)
        totals = {name: describe(made) for name, made in grouped.items()}
        write_manifest(directory, Manifest(producer=PRODUCER, shards=tuple(shards), totals=totals, facts=facts))
    shutil.rmtree(kept)
    seconds = time.monotonic() - started_s
    context.tracker.log_metrics(
        {
            "seconds": seconds,
            "episodes": total,
            "episodes_per_s": total / max(seconds, 1e-9),
            **{f"cpu_s.{name}": spent for name, spent in spent_s.items()},
        }
    )


def plan_chunks(params: Params, costly: set[str]) -> list[Chunk]:
    """All episodes, costly families first so that no worker idles at the end."""
    wanted = params.trajectories
    return [
        Chunk(
            family=family,
            first_seed=params.seed * SEEDS_PER_RUN + start,
            episodes=min(size, count - start),
            wrong_branch_share=wanted.wrong_branch_share,
            alternate_share=wanted.alternate_share,
        )
        for family, count in sorted(wanted.families.items(), key=lambda item: (item[0] not in costly, item[0]))
        for size in [_COSTLY_CHUNK_EPISODES if family in costly else _CHUNK_EPISODES]
        for start in range(0, count, size)
    ]


def run_chunks(chunks: Sequence[Chunk], workers: int, kept: Path) -> Iterator[Made]:
    """What each chunk gives, in the order of the chunks, whatever the number of workers. What `kept` holds is read."""
    kept.mkdir(parents=True, exist_ok=True)
    yield from in_workers(partial(make_chunk, kept=kept), chunks, workers)


def make_chunk(synthesizer: Synthesizer, chunk: Chunk, *, kept: Path) -> Made:
    """Make a chunk's records and keep them, or read those that are kept."""
    name = shard_name(chunk.family, chunk.first_seed % SEEDS_PER_RUN)
    if (kept / name).exists():
        return Made(records=list(read_shard(kept / name)), cpu_s=0.0)
    before_s = cpu_s()
    records = [
        record
        for seed in chunk.seeds
        for record in synthesizer.episodes(
            chunk.family,
            seed,
            wrong_branch_share=chunk.wrong_branch_share,
            alternate_share=chunk.alternate_share,
        )
    ]
    spent_s = cpu_s() - before_s
    with write_file(kept / name) as temporary:
        write_records(kept, temporary.name, records)
    return Made(records=records, cpu_s=spent_s)


def describe(records: Sequence[Record]) -> dict[str, int]:
    """Counts for the manifest."""
    roots = [record for record in records if record.parent.kind == "root"]
    return {
        "episodes": len(roots),
        "alternates": len(records) - len(roots),
        "successes": sum(record.verdict.outcome != "failure" for record in records),
        "with_wrong_branch": sum(any(step.label == "wrong" for step in record.steps) for record in roots),
        "calls": sum(len(step.calls) for record in records for step in record.steps),
    }


def _identity(params: Params) -> str:
    """What the chunks depend on: inputs, parameters and the code that makes them."""
    packages = tuple(Path(__file__).parents[1] / name for name in ("trajectories", "agent", "sandbox", "tasks"))
    code = {
        str(path.relative_to(package.parent)): sha256_file(path)
        for package in packages
        for path in sorted(package.rglob("*.py"))
    }
    return stage_identity(
        PRODUCER, {"raw": RAW}, {"seed": params.seed, "wanted": params.trajectories.model_dump(), "code": code}
    )
