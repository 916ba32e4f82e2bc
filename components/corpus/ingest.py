"""Stage `ingest`: the chosen sources as documents in `data/raw`, all of them or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from components.core.errors import BadInput
from components.core.files import write_directory
from components.core.lineage import Manifest, Shard, write_manifest
from components.core.stage import StageContext
from components.corpus.catalogue import CATALOGUE, choose, load_catalogue
from components.corpus.documents import Document, write_documents
from components.corpus.sources import read_source

RAW = Path("data/raw")


def run(context: StageContext) -> None:
    """Write `data/raw/<source>/part-*.jsonl.zst` and the manifest. Raises BadInput on any fault and changes nothing."""
    sources = choose(load_catalogue(CATALOGUE).sources, context.params.corpus.sources)
    shards: list[Shard] = []
    counts = {"documents": Counter[str](), "text_bytes": Counter[str]()}

    def counted(documents: Iterator[Document]) -> Iterator[Document]:
        for document in documents:
            for key in (f"domain/{document.domain}", f"licence/{document.licence}", f"source/{document.source}"):
                counts["documents"][key] += 1
                counts["text_bytes"][key] += len(document.text.encode())
            yield document

    with write_directory(RAW) as directory:
        for number, (name, source) in enumerate(sources.items()):
            context.progress.update(number, len(sources), "sources")
            written = write_documents(directory / name, counted(read_source(name, source)))
            if not written:
                raise BadInput(f"corpus.sources: {name!r} holds no text; remove it or correct its catalogue entry")
            shards += [shard.model_copy(update={"name": f"{name}/{shard.name}"}) for shard in written]
        manifest = Manifest(
            producer="ingest",
            shards=tuple(sorted(shards, key=lambda shard: shard.name)),
            totals={group: _totals(counts, group) for group in ("domain", "licence", "source")},
            facts={
                "sources": {name: source.model_dump(mode="json", by_alias=True) for name, source in sources.items()}
            },
        )
        write_manifest(directory, manifest)
    context.progress.update(len(sources), len(sources), "sources")
    context.tracker.log_metrics(
        {f"{unit}.{domain}": value for domain, row in manifest.totals["domain"].items() for unit, value in row.items()}
    )


def _totals(counts: dict[str, Counter[str]], group: str) -> dict[str, dict[str, int]]:
    names = sorted(key.partition("/")[2] for key in counts["documents"] if key.startswith(f"{group}/"))
    return {name: {unit: counter[f"{group}/{name}"] for unit, counter in counts.items()} for name in names}
