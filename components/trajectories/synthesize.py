"""The stage `synthesize`: oracles act in real environments and what happens is written down.

Every observation comes from an executed call and the environment alone decides success. An episode is a pure function
of (family, seed, share of wrong branches), so episodes are spread over worker processes and the bytes stay the same.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from components.agent.draws import named_rng
from components.agent.environment import OracleStep, Split, Task, TaskFamily
from components.agent.factbook import FACTBOOK, Knowledge
from components.agent.families import choose_families, load_families
from components.corpus.documents import read_documents
from components.lineage import Manifest, read_manifest, verify, write_directory, write_manifest
from components.params import Params
from components.stage import StageContext
from components.trajectories.record import (
    Answer,
    Call,
    Check,
    Provenance,
    Record,
    Reference,
    Seen,
    Step,
    TaskFacts,
    Tool,
    Verdict,
    content_sha,
    write_records,
)

RAW = Path("data/raw")
OUTPUT = Path("data/trajectories")
PRODUCER = "synthesize"
GENERATOR_VERSION = "1"
OUR_LICENCE = "Apache-2.0"
_SEEDS_PER_RUN = 1_000_000  # so that two values of params.seed share no episode
_CHUNK_EPISODES = 50
_MAX_WORKERS = 4


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Consecutive seeds of one family: the unit of work."""

    family: str
    first_seed: int
    episodes: int
    wrong_branch_share: float


def run(context: StageContext) -> None:
    """Synthesise every family of params.trajectories.families. Raises BadInput for a family that does not exist."""
    params = context.params
    started_s = time.monotonic()
    verify(RAW, read_manifest(RAW, "ingest"))
    choose_families(load_families(Knowledge.load()), params.trajectories.families, "trajectories.families")
    chunks = plan_chunks(params)
    total = sum(chunk.episodes for chunk in chunks)
    records: dict[str, list[Record]] = {family: [] for family in params.trajectories.families}
    done = 0
    for chunk, made in zip(chunks, run_chunks(chunks, min(_MAX_WORKERS, os.cpu_count() or 1)), strict=True):
        records[chunk.family] += made
        done += chunk.episodes
        context.progress.update(done, total, "episodes")
    with write_directory(OUTPUT) as directory:
        shards = tuple(write_records(directory, family, records[family]) for family in sorted(records))
        facts = {"generator_version": GENERATOR_VERSION, "seed": params.seed}
        totals = {family: describe(records[family]) for family in sorted(records)}
        write_manifest(directory, Manifest(producer=PRODUCER, shards=shards, totals=totals, facts=facts))
    seconds = time.monotonic() - started_s
    context.tracker.log_metrics({"seconds": seconds, "episodes": total, "episodes_per_s": total / max(seconds, 1e-9)})


def plan_chunks(params: Params) -> list[Chunk]:
    """All episodes, costly families first so that no worker idles at the end."""
    families = sorted(params.trajectories.families.items(), key=lambda item: (item[0] != "code_repair", item[0]))
    return [
        Chunk(
            family=family,
            first_seed=params.seed * _SEEDS_PER_RUN + start,
            episodes=min(size, count - start),
            wrong_branch_share=params.trajectories.wrong_branch_share,
        )
        for family, count in families
        for size in [_CHUNK_EPISODES // 10 if family == "code_repair" else _CHUNK_EPISODES]
        for start in range(0, count, size)
    ]


def run_chunks(chunks: Sequence[Chunk], workers: int) -> Iterator[list[Record]]:
    """The records of each chunk in the order of the chunks, whatever the number of workers."""
    if workers == 1:
        synthesizer = Synthesizer()
        yield from map(synthesizer.chunk, chunks)
        return
    # Spawned, not forked: the stage's own process runs threads.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker) as pool:
        yield from pool.map(_work, chunks)


class Synthesizer:
    """Families with the knowledge they need; one per process."""

    def __init__(self, families: dict[str, TaskFamily] | None = None, source_licence: str | None = None) -> None:
        self.families = families if families is not None else load_families(Knowledge.load())
        self.source_licence = source_licence or next(read_documents(FACTBOOK)).licence

    def chunk(self, chunk: Chunk) -> list[Record]:
        seeds = range(chunk.first_seed, chunk.first_seed + chunk.episodes)
        return [self.episode(chunk.family, seed, chunk.wrong_branch_share) for seed in seeds]

    def episode(self, name: str, seed: int, wrong_branch_share: float, split: Split = "train") -> Record:
        """Let the family's oracle solve one task."""
        family = self.families[name]
        task = family.sample(seed, split)
        steps, success = play(family, task, takes_wrong_branch(seed, wrong_branch_share), seed)
        researched = family.domain == "research"
        return Record(
            id="",
            family_id=task.id,
            domain=task.domain,
            task=TaskFacts(
                prompt=task.prompt, generator=name, gen_version=GENERATOR_VERSION, seed=seed, split=task.split
            ),
            tools=tuple(Tool.of(spec) for spec in task.tools),
            steps=tuple(steps),
            answer=Answer(value=steps[-1].text),
            verdict=Verdict(
                outcome="success" if success else "failure", checks=(Check(name="environment", passed=success),)
            ),
            provenance=Provenance(
                licence=self.source_licence if researched else OUR_LICENCE,
                source_uri=f"generator:{name}" + (f"+source:{FACTBOOK.name}" if researched else ""),
            ),
        ).identified()


def takes_wrong_branch(seed: int, share: float) -> bool:
    """Spread evenly over the seeds, so that a family of few episodes has its share too."""
    number = seed % _SEEDS_PER_RUN
    return math.floor((number + 1) * share) > math.floor(number * share)


def play(family: TaskFamily, task: Task, wrong_branch: bool, seed: int) -> tuple[list[Step], bool]:
    """Run the oracle in a fresh environment; returns the steps and the environment's verdict on the answer."""
    environment = family.start(task)
    oracle = family.oracle(task, named_rng("words", family.name, task.split, seed), wrong_branch)
    steps: list[Step] = []
    turn = next(oracle)
    wrong_action: int | None = None
    while True:
        new, wrong_action = _phases(turn, len(steps), wrong_action), _wrong(turn, len(steps), wrong_action)
        if turn.call is None:
            steps += new
            assert turn.summary is not None
            return steps, environment.verify(turn.summary)
        observation = environment.execute(turn.call)
        call_id = f"c{sum(len(step.calls) for step in steps) + 1}"
        call = Call(id=call_id, name=turn.call.name, args=turn.call.arguments)
        seen = Seen(
            call_id=call_id,
            status=observation.status,
            content=observation.content,
            sha=content_sha(observation.content),
        )
        new[-1] = new[-1].model_copy(update={"calls": (call,), "obs": (seen,)})
        steps += new
        turn = oracle.send(observation)


def _phases(turn: OracleStep, first: int, wrong_action: int | None) -> list[Step]:
    """The steps of one turn in the order they are rendered."""
    texts = [("reflection", turn.reflection), ("analysis", turn.analysis), ("plan", turn.plan)]
    texts = [(phase, text) for phase, text in texts if text]
    texts.append(("action", "") if turn.call is not None else ("summary", turn.summary or ""))
    refs: tuple[Reference, ...] = ()
    if turn.label == "recovery":
        assert wrong_action is not None, "a recovery follows a wrong step"
        refs = (Reference(step=wrong_action),)
    loss = 0.0 if turn.label == "wrong" else 1.0
    return [
        Step(i=first + offset, phase=phase, text=text, label=turn.label, loss=loss, refs=refs)  # type: ignore[arg-type]
        for offset, (phase, text) in enumerate(texts)
    ]


def _wrong(turn: OracleStep, first: int, before: int | None) -> int | None:
    """Index of the last wrong action so far."""
    if turn.label != "wrong":
        return before
    return first + sum(bool(text) for text in (turn.reflection, turn.analysis, turn.plan))


def describe(records: Sequence[Record]) -> dict[str, int]:
    """Counts for the manifest."""
    return {
        "episodes": len(records),
        "successes": sum(record.verdict.outcome == "success" for record in records),
        "with_wrong_branch": sum(any(step.label == "wrong" for step in record.steps) for record in records),
        "calls": sum(len(step.calls) for record in records for step in record.steps),
    }


_synthesizer: Synthesizer


def _start_worker() -> None:
    global _synthesizer
    _synthesizer = Synthesizer()


def _work(chunk: Chunk) -> list[Record]:
    return _synthesizer.chunk(chunk)
