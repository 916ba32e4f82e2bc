"""A small workspace for the corpus stages: parameters, a context without a tracked run, texts that pass the filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import params as schema
from components.corpus.documents import Document, clean_text, text_id, write_documents
from components.corpus.ingest import RAW
from components.corpus.quarantine import QUARANTINE, write_quarantine
from components.lineage import Manifest, write_directory, write_manifest
from components.progress import Progress

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
        totals = {"source": {source: {} for source in sources}}
        manifest = Manifest(producer="ingest", shards=tuple(shards), totals=totals)
        write_manifest(directory, manifest)
    write_quarantine(root / QUARANTINE, {}, manifest)


# Eight subjects and eight happenings: every pair is another text, and none is near another.
_SUBJECTS = ("harbour", "forest", "library", "railway", "observatory", "market", "orchard", "workshop")
_THINGS = ("lantern", "ledger", "compass", "kettle", "violin", "telescope", "basket", "hammer")


def prose(number: int, sentences: int = 12) -> str:
    """English prose of its own for every `number`, long enough for every filter."""
    import random

    rng = random.Random(number)
    verbs = ("carried", "repaired", "described", "borrowed", "measured", "painted", "forgot", "counted", "examined")
    people = ("the keeper", "a young engineer", "her brother", "the old teacher", "our neighbour", "the captain")
    ends = ("before the rain began", "while the others slept", "with great care", "for the third time that week")
    more = ("and nobody asked why", "because the winter had been long", "so that the children could see it")
    lines = []
    for _ in range(sentences):
        lines.append(
            f"In the {rng.choice(_SUBJECTS)} {rng.choice(people)} {rng.choice(verbs)} the {rng.choice(_THINGS)} "
            f"number {rng.randrange(10**6)} {rng.choice(ends)}, {rng.choice(more)}, and that of the "
            f"{rng.choice(_SUBJECTS)} have to be written down with the {rng.choice(_THINGS)} of {rng.randrange(2000)}."
        )
    return " ".join(lines)
