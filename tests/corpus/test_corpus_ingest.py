"""The stage `ingest`: what the manifest promises, and that a fault leaves the earlier output as it was."""

from pathlib import Path

import pytest

from components.core.errors import BadInput
from components.core.lineage import read_manifest, sha256_file, verify
from components.corpus import ingest
from components.corpus.documents import read_documents, text_id
from components.corpus.formats import tree_sha256
from tests.corpus.conftest import Context, prose, run_in, with_corpus, write_catalogue


def _folder(path: Path, *texts: str) -> dict:
    path.mkdir()
    files = {f"{number}.txt": text.encode() for number, text in enumerate(texts)}
    for name, data in files.items():
        (path / name).write_bytes(data)
    return {"kind": "local", "path": str(path), "sha256": tree_sha256(files.items())}


def _catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a catalogue of four local sources the one that `ingest` reads."""
    mine = _folder(tmp_path / "mine", prose(0), prose(1), "")
    other = _folder(tmp_path / "other", "诗" * 30) | {"domain": "chinese", "language": "zh", "licence": "public-domain"}
    broken = _folder(tmp_path / "broken", "abc") | {"sha256": "0" * 64}
    sources = {"mine": mine, "other": other, "broken": broken, "blank": _folder(tmp_path / "blank", " ")}
    monkeypatch.setattr(ingest, "CATALOGUE", write_catalogue(tmp_path / "catalogue.yaml", sources))


def test_the_manifest_counts_what_is_there(tmp_path: Path, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    _catalogue(tmp_path, monkeypatch)
    run_in(tmp_path, ingest.run, with_corpus(context, sources=["other", "mine"]))
    out = tmp_path / ingest.RAW
    manifest = read_manifest(out, "ingest")
    verify(out, manifest)
    documents = list(read_documents(out))
    assert [document.source for document in documents] == ["mine", "mine", "other"]
    assert all(document.id == text_id(document.text) for document in documents)
    assert documents[-1].model_dump(include={"domain", "language", "licence", "path"}) == {
        "domain": "chinese",
        "language": "zh",
        "licence": "public-domain",
        "path": "0.txt",
    }
    assert manifest.totals["domain"]["chinese"] == {"documents": 1, "text_bytes": 90}
    assert manifest.totals["licence"]["MIT"]["documents"] == 2
    assert manifest.totals["source"]["mine"]["text_bytes"] == sum(len(doc.text.encode()) for doc in documents[:2])
    assert [shard.name for shard in manifest.shards] == ["mine/part-00000.jsonl.zst", "other/part-00000.jsonl.zst"]
    assert context.tracker.metrics["documents.chinese"] == 1


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        (["mine", "broken"], "broken: .*content has sha256"),
        (["mine", "blank"], "'blank' holds no text"),
        (["mine", "othr"], "did you mean 'other'"),
    ],
)
def test_a_fault_in_one_source_leaves_everything_as_it_was(
    tmp_path: Path, context: Context, monkeypatch: pytest.MonkeyPatch, sources: list[str], says: str
) -> None:
    out = tmp_path / ingest.RAW
    _catalogue(tmp_path, monkeypatch)
    run_in(tmp_path, ingest.run, with_corpus(context, sources=["mine"]))
    before = read_manifest(out)
    with pytest.raises(BadInput, match=says):
        run_in(tmp_path, ingest.run, with_corpus(context, sources=sources))
    assert read_manifest(out) == before
    verify(out, before)
    assert [path.name for path in out.parent.iterdir()] == ["raw"]


def test_the_starter_gives_the_same_bytes_twice(tmp_path: Path, context: Context) -> None:
    hashes = []
    for name in ("a", "b"):
        run_in(tmp_path / name, ingest.run, with_corpus(context, sources=["stdlib", "chinese_poetry"]))
        hashes.append(
            {
                str(path.relative_to(tmp_path / name)): sha256_file(path)
                for path in (tmp_path / name).rglob("*")
                if path.is_file()
            }
        )
    assert hashes[0] == hashes[1]
