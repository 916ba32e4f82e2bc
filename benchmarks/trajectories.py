"""How fast verified trajectories are made: five streams together, synthesis, checks and replay, on this machine.

Every family of every stream takes part, each record goes through what `check_trajectories` does (replay included), and
all of it is done a second time to see the same bytes. The last column is processor time for a million tokens that
passed, test runs included: what a stream costs on one core. Tokens are those of a tokenizer learned from the records.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer

from benchmarks.measure import report
from components.core.errors import BadInput
from components.core.lineage import sha256_json
from components.core.params import Stream, load
from components.tokenizer import TextTokenizer
from components.tokenizer.train import learn_tokenizer
from components.trajectories.check import Judged, Rules, judge_lines, judge_together
from components.trajectories.episodes import SEEDS_PER_RUN, Synthesizer
from components.trajectories.record import Record, to_messages
from components.trajectories.synthesize import Chunk, run_chunks
from components.trajectories.tokenize import encode_records
from components.trajectories.workers import cpu_s, in_workers

app = typer.Typer(add_completion=False)
STREAMS: tuple[Stream, ...] = ("cot", "math", "code", "research", "tool")
_CHUNK_EPISODES, _BATCH_LINES, _VOCAB = 20, 100, 2048
_LEARNED_FROM = 400  # records


@app.command()
def main(
    episodes: Annotated[int, typer.Option(min=10, help="of all streams together")] = 6000,
    code_share: Annotated[float, typer.Option(min=0.01, max=0.99, help="of the episodes")] = 0.06,
    workers: Annotated[int, typer.Option(min=1, help="processes")] = min(4, os.cpu_count() or 1),
    factbook: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="a workspace with data/raw and params.yaml")
    ] = Path(),
) -> None:
    """Verified trajectories an hour, by stream, and what a million tokens cost."""
    try:
        os.chdir(factbook)
        _measure(episodes, code_share, workers)
    except BadInput as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None


def _measure(episodes: int, code_share: float, workers: int) -> None:
    params = load()
    held_out = set(params.evaluation.held_out_families)
    families = {name: family for name, family in Synthesizer().families.items() if name not in held_out}
    members = {stream: [name for name, family in families.items() if family.domain == stream] for stream in STREAMS}
    others = (1 - code_share) / (len(STREAMS) - 1)
    chunks = [
        chunk
        for stream in STREAMS
        for name in members[stream]
        for chunk in _chunks(
            name, round(episodes * (code_share if stream == "code" else others) / len(members[stream]))
        )
    ]
    chunks.sort(key=lambda chunk: families[chunk.family].domain != "code")  # what takes long begins first
    started_s = time.perf_counter()
    records, made_cpu_s = _make(chunks, workers)
    made_s = time.perf_counter() - started_s
    rules = Rules(held_out_families=sorted(held_out), windows={})
    judged, checked_cpu_s = _check(records, rules, workers)
    wall_s = time.perf_counter() - started_s
    again, _ = _make(chunks, workers)
    same = sha256_json([record.id for record in again]) == sha256_json([record.id for record in records])
    tokens = _tokens([item.record for item in judged if item.record is not None])
    rows = []
    for stream in (*STREAMS, "all"):
        mine = [item for item in judged if item.record is not None and stream in (item.record.domain, "all")]
        passed = [item.record.id for item in mine if item.record is not None and not item.faults]
        spent_s = sum(
            made_cpu_s[name] + checked_cpu_s[name] for name in families if stream in (families[name].domain, "all")
        )
        passed_tokens = sum(tokens[name] for name in passed)
        rows.append(
            {
                "stream": stream,
                "families": sum(stream in (family.domain, "all") for family in families.values()),
                "records": len(mine),
                "replayed alike": sum("replay" not in item.faults for item in mine) / len(mine),
                "verified": len(passed),
                "an hour": round(3600 * len(passed) / wall_s),
                "tokens a record": passed_tokens / len(passed),
                "CPU s a record": spent_s / len(mine),
                "CPU s a million tokens": 1e6 * spent_s / passed_tokens,
            }
        )
    report(
        f"Verified trajectories on {workers} processes: made in {made_s:.0f} s, checked in {wall_s - made_s:.0f} s, "
        f"made again {'the same' if same else 'DIFFERENTLY'}",
        rows,
        torch.device("cpu"),
    )


def _chunks(name: str, episodes: int) -> list[Chunk]:
    return [
        Chunk(
            family=name,
            first_seed=SEEDS_PER_RUN + start,
            episodes=min(_CHUNK_EPISODES, episodes - start),
            wrong_branch_share=0.15,
            alternate_share=0.05,
        )
        for start in range(0, episodes, _CHUNK_EPISODES)
    ]


def _make(chunks: Sequence[Chunk], workers: int) -> tuple[list[Record], dict[str, float]]:
    """All records, and processor seconds by family."""
    kept = Path(tempfile.mkdtemp())
    try:
        records: list[Record] = []
        spent_s = {chunk.family: 0.0 for chunk in chunks}
        for chunk, made in zip(chunks, run_chunks(chunks, workers, kept), strict=True):
            records += made.records
            spent_s[chunk.family] += made.cpu_s
        return records, spent_s
    finally:
        shutil.rmtree(kept)


def _check(records: Sequence[Record], rules: Rules, workers: int) -> tuple[list[Judged], dict[str, float]]:
    by_family: dict[str, list[tuple[str, int, str]]] = {}
    for number, record in enumerate(records):
        by_family.setdefault(record.task.generator, []).append(
            (record.task.generator, number, record.model_dump_json())
        )
    batches = [
        lines[start : start + _BATCH_LINES]
        for lines in by_family.values()
        for start in range(0, len(lines), _BATCH_LINES)
    ]
    judged: list[Judged] = []
    spent_s = dict.fromkeys(by_family, 0.0)
    for batch, (part, seconds) in zip(batches, in_workers(partial(_timed, rules=rules), batches, workers), strict=True):
        judged += part
        spent_s[batch[0][0]] += seconds
    return judge_together(judged), spent_s


def _timed(
    synthesizer: Synthesizer, lines: Sequence[tuple[str, int, str]], *, rules: Rules
) -> tuple[list[Judged], float]:
    before_s = cpu_s()
    return judge_lines(synthesizer, lines, rules=rules), cpu_s() - before_s


def _tokens(records: Sequence[Record]) -> dict[str, int]:
    """Tokens by record id."""
    every = max(1, len(records) // _LEARNED_FROM)
    texts = (message.text for record in records[::every] for message in to_messages(record))
    tokenizer = TextTokenizer(learn_tokenizer(texts, _VOCAB), sha256="")
    encoded = encode_records(tokenizer, records, observation_weight=0.0, action_weight=1.0)
    return {record.id: len(item.ids) for record, item in zip(records, encoded, strict=True)}


if __name__ == "__main__":
    app()
