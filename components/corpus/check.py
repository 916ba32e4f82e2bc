"""Stage `check_corpus`: Great Expectations judges the raw documents.

Documents that fail go to `data/quarantine/corpus` with their reasons. A corpus that fails as a whole ends the stage
with exit code 2. Either way the data docs, which carry times, go to the tracked run and to `reports/corpus` under
the home directory, for people; the outputs other stages read stay free of them.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from components.core.errors import BadInput
from components.core.expectations import Finding, Judge
from components.core.files import write_directory, write_json
from components.core.lineage import read_manifest, verify
from components.core.paths import home
from components.core.stage import StageContext
from components.corpus.catalogue import CATALOGUE, load_catalogue
from components.corpus.documents import read_documents
from components.corpus.expectations import (
    corpus_expectations,
    document_expectations,
    quarantine_expectations,
    source_expectations,
    text_expectations,
)
from components.corpus.ingest import RAW
from components.corpus.quarantine import QUARANTINE, write_quarantine
from components.corpus.statistics import document_statistics, source_statistics, text_sample

METRICS = Path("metrics/check_corpus.json")
_STEPS = 4
_REMEDIES = {
    "quarantined": "see the reasons in the data docs, then repair or drop the source they come from",
    "licence": "drop the source, or add its licence to accepted_licences of the catalogue if it may be used",
    "id": "drop the source that repeats its documents",
    "documents": "repair the source, widen what it takes in, or drop it from corpus.sources",
}


def run(context: StageContext) -> None:
    """Write quarantine and metrics.

    Raises BadInput, with nothing but the data docs written, if an expectation on the whole corpus fails.
    """
    accepted = load_catalogue(CATALOGUE).accepted_licences
    raw = read_manifest(RAW, "ingest")
    verify(RAW, raw)
    context.progress.update(0, _STEPS, "steps")
    statistics = document_statistics(read_documents(RAW))
    sample = text_sample(read_documents(RAW))
    context.progress.update(1, _STEPS, "steps")
    docs = home() / "reports" / "corpus"
    with write_directory(docs) as site:
        judge = Judge("corpus", site)
        on_documents = judge.judge(
            "rows", {"documents": (statistics, document_expectations()), "text": (sample, text_expectations())}
        )
        context.progress.update(2, _STEPS, "steps")
        reasons = _reasons(on_documents)
        statistics["quarantined"] = statistics["position"].isin(list(reasons)).astype(int)
        left = statistics[statistics["quarantined"] == 0]
        on_corpus = judge.judge(
            "whole",
            {
                "quarantine": (statistics, quarantine_expectations()),
                "corpus": (left, corpus_expectations(accepted)),
                "sources": (source_statistics(left, raw.totals["source"]), source_expectations()),
            },
        )
        judge.write_docs()
    context.tracker.log_artifact(docs, "data_docs")
    context.progress.update(3, _STEPS, "steps")
    _refuse(on_corpus, docs)
    refused = {
        position: (document, reasons[position])
        for position, document in enumerate(read_documents(RAW))
        if position in reasons
    }
    write_quarantine(QUARANTINE, refused, raw)
    metrics = {
        "documents": len(statistics),
        "quarantined": len(refused),
        "expectations": [_row(finding) for finding in (*on_documents, *on_corpus)],
    }
    write_json(METRICS, metrics)
    context.tracker.log_metrics({"documents": len(statistics), "quarantined": len(refused)})
    context.progress.update(_STEPS, _STEPS, "steps")


def _reasons(findings: list[Finding]) -> dict[int, list[str]]:
    """What each refused document failed, by position."""
    reasons: dict[int, list[str]] = defaultdict(list)
    for finding in findings:
        for position in finding.failed_positions:
            reasons[position].append(f"{finding.column}: {finding.expectation} {finding.wanted}")
    return dict(sorted(reasons.items()))


def _refuse(findings: list[Finding], docs: Path) -> None:
    faults = [
        f"{finding.expectation} on {finding.table}.{finding.column}: observed {finding.observed}, "
        f"wanted {finding.wanted}; {_REMEDIES[finding.column]} (data docs: {docs / 'index.html'})"
        for finding in findings
        if not finding.success
    ]
    if faults:
        raise BadInput("\n".join(f"corpus refused: {fault}" for fault in faults))


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "table": finding.table,
        "column": finding.column,
        "expectation": finding.expectation,
        "wanted": finding.wanted,
        "observed": finding.observed,
        "success": finding.success,
    }
