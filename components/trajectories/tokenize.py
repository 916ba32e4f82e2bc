"""The stage `tokenize_trajectories`: records that passed, as ids with a loss weight per token, packed whole.

Each segment is tokenised on its own, so no merge crosses the border between what is trained and what is not.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from components.core.errors import BadInput
from components.core.files import write_directory, write_json
from components.core.lineage import Manifest, read_manifest, verify
from components.core.params import agent_rows
from components.core.stage import StageContext
from components.tokenizer import TextTokenizer, load_tokenizer
from components.tokens import TokenDocument, pack, write_token_shards
from components.trajectories.check import QUARANTINE
from components.trajectories.checks.loss_mask import find_mask_fault
from components.trajectories.record import Record, parse_record, read_record_lines
from components.trajectories.synthesize import OUTPUT as TRAJECTORIES
from components.trajectories.weights import weigh

TOKENIZER = Path("artifacts/tokenizer")
OUTPUT = Path("data/trajectory_tokens")
METRICS = Path("metrics/trajectory_tokens.json")
PRODUCER = "tokenize_trajectories"
_BATCH_RECORDS = 512


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """One record as tokens. `spans` holds each segment's (start, end) in ids; they tile them."""

    family: str
    stream: str
    ids: np.ndarray
    weights: np.ndarray
    spans: tuple[tuple[int, int], ...]


def run(context: StageContext) -> None:
    """Render, weigh, tokenise, pack, write. Raises BadInput where an input is missing or does not belong together."""
    params = context.params
    started_s = time.monotonic()
    records = list(read_passed_records())
    tokenizer = load_tokenizer(TOKENIZER)
    encoded: list[Encoded] = []
    loss_weights = {
        "observation_weight": params.trajectories.observation_weight,
        "action_weight": params.trajectories.action_weight,
    }
    for record, item in zip(records, encode_records(tokenizer, records, **loss_weights), strict=True):
        fault = find_mask_fault(record, item.ids, item.weights, tokenizer, **loss_weights)
        assert fault is None, f"{record.id}: {fault}"
        encoded.append(item)
        context.progress.update(len(encoded), len(records), "records")
    # A turn is never cut from its context: an episode longer than a row is left out and counted.
    byte_lengths = tokenizer.byte_lengths()
    packs = {
        (agent_rows(stream), length): pack(
            [
                TokenDocument(ids=item.ids, weights=item.weights, cut_allowed=False)
                for item in encoded
                if item.stream == stream
            ],
            length,
            byte_lengths,
        )
        for stream in sorted({item.stream for item in encoded})
        for length in params.tokens.row_tokens
    }
    with write_directory(OUTPUT) as directory:
        manifest = write_token_shards(
            directory,
            {key: result.rows for key, result in packs.items()},
            shard_rows=params.tokens.shard_rows,
            producer=PRODUCER,
            facts={
                "tokenizer_sha256": tokenizer.sha256,
                "vocab_size": tokenizer.vocab_size,
                "observation_weight": params.trajectories.observation_weight,
                "action_weight": params.trajectories.action_weight,
            },
        )
    dropped: dict[str, int] = {}
    for (_, length), result in packs.items():
        dropped[str(length)] = dropped.get(str(length), 0) + result.dropped_documents
    metrics = summarise(encoded, manifest, dropped)
    write_json(METRICS, metrics)
    context.tracker.log_metrics(
        {
            "seconds": time.monotonic() - started_s,
            **{
                f"{name}.{family}": value
                for family, values in metrics["families"].items()
                for name, value in values.items()
            },
        }
    )


def read_passed_records() -> Iterator[Record]:
    """The records that no check set aside. Raises BadInput if the quarantine judged other shards."""
    manifest = read_manifest(TRAJECTORIES, "synthesize")
    verify(TRAJECTORIES, manifest)
    quarantine = read_manifest(QUARANTINE, "check_trajectories")
    if quarantine.facts["trajectories"] != {shard.name: shard.sha256 for shard in manifest.shards}:
        raise BadInput(f"{QUARANTINE}: judged other trajectories than {TRAJECTORIES}; run `dvc repro`")
    left_out = {(name, line) for name, lines in quarantine.facts["lines"].items() for line in lines}
    for path, number, line in read_record_lines(TRAJECTORIES):
        if (path.name, number) in left_out:
            continue
        record, fault = parse_record(line)
        if record is None:
            raise BadInput(f"{path}: line {number}: {fault}; run `dvc repro check_trajectories`")
        yield record


def encode_records(
    tokenizer: TextTokenizer, records: Iterable[Record], *, observation_weight: float, action_weight: float
) -> Iterator[Encoded]:
    """Each record's ids uint32 (N,) and weights float16 (N,), in order; texts are encoded many at a time."""
    remaining = iter(records)
    while batch := list(islice(remaining, _BATCH_RECORDS)):
        weighted = [
            weigh(record, observation_weight=observation_weight, action_weight=action_weight) for record in batch
        ]
        texts = list(dict.fromkeys(w.segment.text for part in weighted for w in part if not w.segment.special))
        ids_of = dict(zip(texts, tokenizer.encode_batch(texts), strict=True))
        for record, part in zip(batch, weighted, strict=True):
            pieces = [
                [tokenizer.special[w.segment.text]] if w.segment.special else ids_of[w.segment.text] for w in part
            ]
            lengths = [len(piece) for piece in pieces]
            ends = np.cumsum(lengths).tolist()
            yield Encoded(
                family=record.task.generator,
                stream=record.domain,
                ids=np.concatenate([np.asarray(piece, dtype=np.uint32) for piece in pieces]),
                weights=np.repeat(np.array([w.weight for w in part], dtype=np.float16), lengths),
                spans=tuple(zip([0, *ends[:-1]], ends, strict=True)),
            )


def summarise(encoded: Sequence[Encoded], manifest: Manifest, dropped: dict[str, int]) -> dict[str, Any]:
    """The content of metrics/trajectory_tokens.json, by family and by row length."""
    families = {}
    for name in sorted({item.family for item in encoded}):
        lengths = np.array([len(item.ids) for item in encoded if item.family == name])
        trained = sum(int((item.weights > 0).sum()) for item in encoded if item.family == name)
        families[name] = {
            "records": len(lengths),
            "tokens": int(lengths.sum()),
            "loss_tokens": trained,
            "loss_share": round(trained / int(lengths.sum()), 6),
            "mean_tokens": round(float(lengths.mean()), 3),
            "p95_tokens": float(np.percentile(lengths, 95)),
            "max_tokens": int(lengths.max()),
        }
    return {
        "families": families,
        "rows": manifest.totals["domains"],
        "dropped_records": dropped,
        "facts": manifest.facts,
    }
