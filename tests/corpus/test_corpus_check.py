"""The check with the real Great Expectations: bad documents are set aside, a bad corpus is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.core.errors import BadInput
from components.core.lineage import read_manifest
from components.corpus import check
from components.corpus.check import METRICS
from components.corpus.documents import Document, read_documents
from components.corpus.ingest import RAW
from components.corpus.quarantine import QUARANTINE, read_set_aside
from tests.corpus.conftest import Context, make_document, prose, run_in, write_catalogue, write_raw


@pytest.fixture
def judge(
    tmp_path: Path, context: Context, monkeypatch: pytest.MonkeyPatch
) -> Callable[[list[Document]], dict[str, Any]]:
    monkeypatch.setattr(check, "CATALOGUE", write_catalogue(tmp_path / "catalogue.yaml", {}))

    def run(documents: list[Document]) -> dict[str, Any]:
        write_raw(tmp_path, documents)
        (tmp_path / METRICS).unlink(missing_ok=True)
        run_in(tmp_path, check.run, context)
        metrics: dict[str, Any] = json.loads((tmp_path / METRICS).read_bytes())
        return metrics

    return run


def clean(count: int = 60) -> list[Document]:
    return [make_document(prose(number), path=f"{number}") for number in range(count)]


def faulty() -> dict[str, Document]:
    """One document for every expectation on documents, by the column it fails."""
    text = prose(999)
    return {
        "characters": make_document("short"),
        "replacement_share": make_document(text + "\ufffd" * 40),
        "control_share": make_document(text + "\x00\x07" * 40),
        "private_use_share": make_document(text + "\ue123" * 400),
        "non_alpha_share": make_document("1234567890 +-*/ " * 40),
        "language": make_document(text, language="tlh"),
        "licence": make_document(text, licence=""),
        "id_is_hash_of_text": make_document(text, id="f" * 64),
        "text": make_document(f"<!DOCTYPE html><html>{text}</html>"),
    }


def test_a_clean_corpus_passes_and_its_data_docs_are_written(judge: Callable, tmp_path: Path, context: Context) -> None:
    metrics = judge(clean())
    assert metrics["documents"] == 60 and metrics["quarantined"] == 0
    assert all(row["success"] for row in metrics["expectations"])
    assert {row["column"] for row in metrics["expectations"]} >= {*faulty(), "quarantined", "id", "documents"}
    docs = tmp_path / "home" / "reports" / "corpus"
    assert context.tracker.artifacts == [docs]
    assert "Great Expectations" in (docs / "index.html").read_text()
    assert len(list((docs / "validations").rglob("*.html"))) == 5
    assert read_set_aside(tmp_path / QUARANTINE, read_manifest(tmp_path / RAW)) == frozenset()


def test_each_bad_document_goes_to_quarantine_with_its_reason(judge: Callable, tmp_path: Path) -> None:
    documents = clean(400)
    bad = {column: document.model_copy(update={"path": column}) for column, document in faulty().items()}
    for number, document in enumerate(bad.values()):
        documents.insert(number * 40, document)
    metrics = judge(documents)
    refused = {document.path: document for document in read_documents(tmp_path / QUARANTINE)}
    assert refused.keys() == bad.keys() and metrics["quarantined"] == len(bad)
    for column, document in refused.items():
        assert any(reason.startswith(f"{column}: expect_column") for reason in document.metadata["reasons"])
        assert document.text == bad[column].text
    raw = list(read_documents(tmp_path / RAW))
    set_aside = read_set_aside(tmp_path / QUARANTINE, read_manifest(tmp_path / RAW))
    assert {raw[position].path for position in set_aside} == bad.keys()


def _refused(judge: Callable, tmp_path: Path, documents: list[Document]) -> str:
    with pytest.raises(BadInput) as error:
        judge(documents)
    assert not (tmp_path / METRICS).exists(), "a refused corpus leaves no metrics"
    assert read_manifest(tmp_path / QUARANTINE).facts["set_aside"] == {}, "nor a new quarantine"
    assert (tmp_path / "home/reports/corpus/index.html").exists(), "but data docs for people"
    return str(error.value)


def test_too_many_bad_documents_refuse_the_corpus(judge: Callable, tmp_path: Path) -> None:
    broken = [make_document(prose(1000 + number) + "\ufffd" * 99, path=f"b{number}") for number in range(6)]
    said = _refused(judge, tmp_path, clean(60) + broken)
    assert "expect_column_mean_to_be_between on quarantine.quarantined: observed 0.09" in said
    assert "wanted {'max_value': 0.05}" in said and "repair or drop the source" in said


def test_a_licence_that_is_not_accepted_refuses_the_corpus(judge: Callable, tmp_path: Path) -> None:
    said = _refused(judge, tmp_path, [*clean(60), make_document(prose(1), licence="GPL-3.0-only")])
    assert "corpus.licence" in said and "GPL-3.0-only" in said and "accepted_licences" in said


def test_a_source_with_one_document_refuses_the_corpus(judge: Callable, tmp_path: Path) -> None:
    said = _refused(judge, tmp_path, [*clean(60), make_document(prose(1), source="tiny")])
    assert "sources.documents" in said and "documents=1 source=tiny" in said and "min_value" in said


def test_a_source_all_of_whose_documents_are_bad_refuses_the_corpus(judge: Callable, tmp_path: Path) -> None:
    said = _refused(judge, tmp_path, [*clean(60), *(make_document("x", source="tiny", path=p) for p in "ab")])
    assert "sources.documents" in said and "documents=0 source=tiny" in said


def test_a_corpus_that_repeats_itself_is_refused(judge: Callable, tmp_path: Path) -> None:
    said = _refused(judge, tmp_path, clean(20) * 3)
    assert "corpus.id" in said and "0.33" in said


def test_two_checks_leave_the_same_bytes(judge: Callable, tmp_path: Path) -> None:
    documents = [*clean(60), make_document("short")]
    seen = []
    for _ in range(2):
        judge(documents)
        files = [tmp_path / METRICS, *sorted((tmp_path / QUARANTINE).rglob("*"))]
        seen.append({path.name: path.read_bytes() for path in files if path.is_file()})
    assert seen[0] == seen[1] and len(seen[0]) == 3
    assert json.loads(seen[0][METRICS.name])["quarantined"] == 1


def test_a_corrupt_raw_shard_is_refused_before_anything_is_judged(judge: Callable, tmp_path: Path) -> None:
    judge(clean())
    shard = next((tmp_path / RAW).rglob("*.zst"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(BadInput, match=rf"{shard.name}: shard is corrupt"):
        run_in(tmp_path, check.run, None)  # type: ignore[arg-type]  # it must not come as far as using the context
