"""Stage `curate`: raw documents to text worth learning from, split into training and held-out documents.

The held-out documents are chosen last, by hash, from what survived: near duplicates are gone by then, so none of
them has a twin in the training text.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.core.errors import BadInput
from components.core.files import write_directory, write_json, write_text
from components.core.lineage import Manifest, Shard, canonical_json, read_manifest, sha256_json, verify, write_manifest
from components.core.stage import StageContext
from components.corpus.curation.decontamination import TASKS, benchmark_windows
from components.corpus.curation.pipeline import (
    EMAIL_REPLACEMENT,
    IP_REPLACEMENT,
    PASSES,
    curate_documents,
    read_dropped,
    read_survivors,
)
from components.corpus.documents import Document, read_documents, write_documents
from components.corpus.ingest import RAW
from components.corpus.quarantine import QUARANTINE, read_set_aside

CURATED = Path("data/curated")
METRICS = Path("metrics/curate.json")
SCRATCH = Path("data/.curate.tmp")  # on the disk of the data, which may be larger than that of /tmp
REMOVED = "removed.jsonl"  # id, domain, source, path and reason of every document that was dropped
SPLITS = ("train", "heldout")


def run(context: StageContext) -> None:
    """Write `data/curated` and `metrics/curate.json`.

    Raises BadInput for a corrupt shard, a quarantine of another corpus, or a domain that curation leaves empty or
    too small to be split.
    """
    params = context.params.corpus
    raw = read_manifest(RAW, "ingest")
    verify(RAW, raw)
    set_aside = read_set_aside(QUARANTINE, raw)
    windows = benchmark_windows(TASKS, params.curation.decontamination.ngram_words)
    with _scratch(SCRATCH) as scratch:
        curate_documents(
            RAW,
            scratch,
            params.curation,
            windows,
            set_aside,
            before_pass=lambda number: context.progress.update(number, len(PASSES), "passes"),
        )
        survivors = list(read_survivors(scratch))
        dropped = list(read_dropped(scratch))
    _expect_every_domain(survivors, dropped)
    splits = split(survivors, params.held_out_share, context.params.seed)
    metrics = _measure(RAW, set_aside, survivors, dropped, splits)
    with write_directory(CURATED) as directory:
        shards: list[Shard] = []
        for name, documents in splits.items():
            for domain in sorted({document.domain for document in documents}):
                place = f"{name}/{domain}"
                written = write_documents(directory / place, (doc for doc in documents if doc.domain == domain))
                shards += [shard.model_copy(update={"name": f"{place}/{shard.name}"}) for shard in written]
        write_text(directory / REMOVED, "".join(f"{canonical_json(row)}\n" for row in dropped))
        manifest = Manifest(
            producer="curate",
            shards=tuple(sorted(shards, key=lambda shard: shard.name)),
            totals={name: _totals(documents) for name, documents in splits.items()},
            facts={
                "raw": sha256_json(raw.model_dump(mode="json")),
                "benchmark_windows": sum(map(len, windows.values())),
            },
        )
        write_manifest(directory, manifest)
    write_json(METRICS, metrics)
    context.progress.update(len(PASSES), len(PASSES), "passes")
    context.tracker.log_metrics(
        {
            f"{unit}.{split_name}.{domain}": value
            for split_name in SPLITS
            for domain, row in manifest.totals[split_name]["domain"].items()
            for unit, value in row.items()
        }
    )


def split(documents: Iterable[Document], held_out_share: float, seed: int) -> dict[str, list[Document]]:
    """Documents for training and held-out ones, both in an order given by hash alone.

    Of every domain the first `held_out_share` of the documents in that order, at least one, are held out.
    Raises BadInput if a domain has but one document.
    """
    domains: dict[str, list[tuple[str, Document]]] = defaultdict(list)
    for document in documents:
        order = hashlib.sha256(f"{seed}:{document.id}".encode()).hexdigest()
        domains[document.domain].append((order, document))
    parts: dict[str, list[Document]] = {name: [] for name in SPLITS}
    for domain, ordered in sorted(domains.items()):
        ordered.sort(key=lambda pair: pair[0])
        if len(ordered) < 2:
            raise BadInput(
                f"corpus.sources: domain {domain!r} keeps one document after curation, none would be left to train "
                "on beside the held-out one; add a source of that domain or loosen corpus.curation"
            )
        held_out = max(1, round(held_out_share * len(ordered)))
        parts["heldout"] += [document for _, document in ordered[:held_out]]
        parts["train"] += [document for _, document in ordered[held_out:]]
    return parts


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """An empty folder, removed afterwards; what a killed run left there goes first."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _expect_every_domain(survivors: list[Document], dropped: list[dict[str, str]]) -> None:
    """Refuse to lose a domain: a mixture that names it would miss it only much later."""
    kept = {document.domain for document in survivors}
    for domain in sorted({row["domain"] for row in dropped} - kept):
        reasons = Counter(row["reason"] for row in dropped if row["domain"] == domain)
        shown = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common(3))
        raise BadInput(
            f"corpus.curation: removes every document of domain {domain!r} ({shown}); loosen the parameter behind "
            "the reason, or drop the sources of that domain"
        )


def _measure(
    raw: Path,
    set_aside: frozenset[int],
    survivors: list[Document],
    dropped: list[dict[str, str]],
    splits: dict[str, list[Document]],
) -> dict[str, Any]:
    """What went in, what came out, and why the rest did not."""
    removed: dict[str, Counter[str]] = defaultdict(Counter)
    for row in dropped:
        removed[row["domain"]][row["reason"]] += 1
    incoming = (document for number, document in enumerate(read_documents(raw)) if number not in set_aside)
    return {
        "in": _totals(incoming)["domain"],
        "kept": {name: _totals(documents)["domain"] for name, documents in splits.items()},
        "removed": {domain: dict(sorted(counts.items())) for domain, counts in sorted(removed.items())},
        "quarantined_documents": len(set_aside),
        "scrubbed_documents": sum("raw_id" in document.metadata for document in survivors),
        "scrubbed_addresses": {
            kind: sum(document.text.count(mark) for document in survivors if "raw_id" in document.metadata)
            for kind, mark in (("email", EMAIL_REPLACEMENT), ("ip", IP_REPLACEMENT))
        },
    }


def _totals(documents: Iterable[Document]) -> dict[str, dict[str, dict[str, int]]]:
    totals: dict[str, dict[str, Counter[str]]] = {"domain": defaultdict(Counter), "licence": defaultdict(Counter)}
    for document in documents:
        for group, name in (("domain", document.domain), ("licence", document.licence)):
            totals[group][name]["documents"] += 1
            totals[group][name]["text_bytes"] += len(document.text.encode())
    return {group: {name: dict(row) for name, row in sorted(rows.items())} for group, rows in totals.items()}
