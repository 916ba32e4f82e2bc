"""The stage `check_trajectories`: every record against every invariant, then Great Expectations over the results.

A record that fails is set aside in data/quarantine/trajectories with its reasons; what stays is trained on. When more
fails than the gates allow, the generator is at fault and not the record: the stage ends with an error, nothing written.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from components.agent.environment import TaskFamily
from components.core.errors import BadInput
from components.core.files import write_directory, write_json
from components.core.lineage import Manifest, describe_shard, read_manifest, verify, write_manifest
from components.core.paths import home
from components.core.stage import StageContext
from components.corpus.curation.decontamination import TASKS as BENCHMARKS
from components.corpus.curation.decontamination import Windows, benchmark_windows, find_benchmark
from components.corpus.documents import SHARD_SUFFIX, write_lines
from components.trajectories.checks.corpus import CORPUS_CHECKS
from components.trajectories.checks.record import RECORD_CHECKS, check_split
from components.trajectories.checks.replay import replay
from components.trajectories.episodes import Synthesizer
from components.trajectories.record import Record, parse_record, read_record_lines
from components.trajectories.synthesize import OUTPUT as TRAJECTORIES
from components.trajectories.workers import in_workers, worker_count

QUARANTINE = Path("data/quarantine/trajectories")
METRICS = Path("metrics/check_trajectories.json")
PRODUCER = "check_trajectories"
_BATCH_LINES = 200


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One line of a shard and what was found: faults by check name."""

    shard: str
    line_number: int
    line: str
    record: Record | None
    faults: Mapping[str, str]

    @property
    def family(self) -> str:
        return self.shard.partition(".")[0]

    def was_made(self, check: str) -> bool:
        """Whether a check could be made on this line."""
        return check == "schema" or self.record is not None


def run(context: StageContext) -> None:
    """Judge, gate, quarantine. Raises BadInput naming the gates that failed."""
    from components.trajectories.expectations import judge_table
    from components.trajectories.html_report import write_html_report

    started_s = time.monotonic()
    params = context.params
    manifest = read_manifest(TRAJECTORIES, "synthesize")
    verify(TRAJECTORIES, manifest)
    rules = Rules(
        held_out_families=params.evaluation.held_out_families,
        windows=benchmark_windows(BENCHMARKS, params.corpus.curation.decontamination.ngram_words),
    )
    lines = [(path.name, number, line) for path, number, line in read_record_lines(TRAJECTORIES)]
    batches = [lines[start : start + _BATCH_LINES] for start in range(0, len(lines), _BATCH_LINES)]
    judged: list[Judged] = []
    for part in in_workers(partial(judge_lines, rules=rules), batches, worker_count(len(batches))):
        judged += part
        context.progress.update(len(judged), len(lines), "records")
    judged = judge_together(judged)
    reports = home() / "reports" / "trajectories"
    failed_gates = judge_table(table(judged), sum(shard.documents for shard in manifest.shards), reports)
    weights = params.trajectories
    write_html_report(
        [item.record for item in judged if item.record is not None],
        reports / "sample.html",
        observation_weight=weights.observation_weight,
        action_weight=weights.action_weight,
    )
    context.tracker.log_artifact(reports, "reports")
    if failed_gates:
        reasons = Counter(name for item in judged for name in item.faults)
        examples = [
            f"{item.shard} line {item.line_number}: {name}: {fault}"
            for item in judged
            for name, fault in item.faults.items()
        ]
        raise BadInput(
            "\n".join(
                [
                    f"{TRAJECTORIES}: refused by {', '.join(failed_gates)} (records at fault by check: "
                    f"{dict(sorted(reasons.items()))}); mend the generator and run `dvc repro synthesize`",
                    *examples[:5],
                ]
            )
        )
    write_quarantine(judged)
    write_json(METRICS, summarise(judged))
    context.tracker.log_metrics(
        {"seconds": time.monotonic() - started_s, "quarantined": sum(bool(item.faults) for item in judged)}
    )


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a record is judged by besides itself."""

    held_out_families: Sequence[str]
    windows: Windows


def judge_lines(synthesizer: Synthesizer, lines: Sequence[tuple[str, int, str]], *, rules: Rules) -> list[Judged]:
    """Lines (shard, number, text), each by itself, replayed in the synthesizer's families."""
    return [judge_line(synthesizer.families, *line, rules=rules) for line in lines]


def judge_line(families: Mapping[str, TaskFamily], shard: str, number: int, line: str, *, rules: Rules) -> Judged:
    """One line: its schema, the checks of a record, contamination, replay."""
    record, fault = parse_record(line)
    if record is None:
        faults = {"schema": fault}
        return Judged(shard=shard, line_number=number, line=line, record=None, faults=faults)
    faults = find_faults(record, rules.held_out_families)
    benchmark = find_benchmark(all_text(record), rules.windows)
    if benchmark:
        faults["decontamination"] = f"shares a window of words with {benchmark}"
    difference = replay(record, families)
    if difference:
        faults["replay"] = difference
    return Judged(shard=shard, line_number=number, line=line, record=record, faults=faults)


def judge_together(judged: Sequence[Judged]) -> list[Judged]:
    """The same with the faults that only show among all records. One is at fault for the first reason found."""
    records = [item.record for item in judged]
    together = [dict(item.faults) for item in judged]
    for name, find in CORPUS_CHECKS.items():
        for number, fault in find(records).items():
            together[number][name] = fault
    return [replace(item, faults=faults) for item, faults in zip(judged, together, strict=True)]


def all_text(record: Record) -> str:
    """Everything a model would read of a record."""
    return "\n".join(
        [
            record.task.prompt,
            *(step.text for step in record.steps),
            *(str(value) for step in record.steps for call in step.calls for value in call.args.values()),
            *(seen.content for step in record.steps for seen in step.obs),
        ]
    )


def find_faults(record: Record, held_out_families: Sequence[str]) -> dict[str, str]:
    """What the record itself shows, by check name."""
    found = {name: check(record) for name, check in RECORD_CHECKS.items()}
    found["split"] = check_split(record, held_out_families)
    return {name: fault for name, fault in found.items() if fault is not None}


CHECK_NAMES = ("schema", *RECORD_CHECKS, "split", "decontamination", "replay", *CORPUS_CHECKS)


def table(judged: Sequence[Judged]) -> dict[str, list[Any]]:
    """One row a line: 1 where a check passed, 0 where not, None where it was not made. `clean`: all passed, but that it
    may repeat another record."""
    columns: dict[str, list[Any]] = {
        "id": [item.record.id if item.record else f"{item.shard}:{item.line_number}" for item in judged],
        "family": [item.family for item in judged],
    }
    for name in CHECK_NAMES:
        columns[name] = [int(name not in item.faults) if item.was_made(name) else None for item in judged]
    columns["clean"] = [int(not item.faults.keys() - {"near_duplicates"}) for item in judged]
    return columns


def write_quarantine(judged: Sequence[Judged]) -> None:
    """Records at fault with their reasons; the manifest names their lines, which the tokenizing stage leaves out."""
    failing = [item for item in judged if item.faults]
    left_out: dict[str, list[int]] = {}
    for item in failing:
        left_out.setdefault(item.shard, []).append(item.line_number)
    with write_directory(QUARANTINE) as directory:
        shards = []
        if failing:
            path = directory / f"records{SHARD_SUFFIX}"
            write_lines(
                path,
                (
                    {"shard": item.shard, "line": item.line_number, "reasons": dict(item.faults), "text": item.line}
                    for item in failing
                ),
            )
            shards.append(describe_shard(directory, path, documents=len(failing)))
        source = read_manifest(TRAJECTORIES)
        facts = {"lines": left_out, "trajectories": {shard.name: shard.sha256 for shard in source.shards}}
        totals = dict(sorted(Counter(name for item in failing for name in item.faults).items()))
        write_manifest(
            directory, Manifest(producer=PRODUCER, shards=tuple(shards), totals={"reasons": totals}, facts=facts)
        )


def summarise(judged: Sequence[Judged]) -> dict[str, Any]:
    """The content of metrics/check_trajectories.json."""
    names = sorted({item.family for item in judged})
    replayed = [item for item in judged if item.record is not None]
    return {
        "records": len(judged),
        "quarantined": sum(bool(item.faults) for item in judged),
        "faults": {name: sum(name in item.faults for item in judged) for name in CHECK_NAMES},
        "replayed": len(replayed),
        "replay_share": sum("replay" not in item.faults for item in replayed) / len(replayed) if replayed else None,
        "families": {name: _summarise_family([item for item in judged if item.family == name]) for name in names},
    }


def _summarise_family(judged: Sequence[Judged]) -> dict[str, Any]:
    records = [item.record for item in judged if item.record is not None]
    steps = [step for record in records for step in record.steps]
    return {
        "records": len(judged),
        "quarantined": sum(bool(item.faults) for item in judged),
        "with_wrong_branch": sum(any(step.label == "wrong" for step in record.steps) for record in records),
        "calls": sum(len(step.calls) for step in steps),
        "prompts": len({record.task.prompt for record in records}),
    }
