"""The quarantine: raw documents that the check refused, with the reasons, and how curation leaves them out.

A document is known by its position among the raw documents: its id may be the very thing that is wrong.
"""

from __future__ import annotations

from pathlib import Path

from components.core.errors import BadInput
from components.core.files import write_directory
from components.core.lineage import Manifest, read_manifest, sha256_json, write_manifest
from components.corpus.documents import Document, write_documents

QUARANTINE = Path("data/quarantine/corpus")
PRODUCER = "check_corpus"


def write_quarantine(out: Path, refused: dict[int, tuple[Document, list[str]]], raw: Manifest) -> None:
    """Write refused documents, each with `reasons` in its metadata, and the positions curation must leave out."""
    with write_directory(out) as directory:
        marked = [
            document.model_copy(update={"metadata": {**document.metadata, "reasons": reasons}})
            for _, (document, reasons) in sorted(refused.items())
        ]
        shards = write_documents(directory, marked)
        facts = {
            "raw": sha256_json(raw.model_dump(mode="json")),
            "set_aside": {
                str(position): {"id": document.id, "reasons": reasons}
                for position, (document, reasons) in sorted(refused.items())
            },
        }
        write_manifest(directory, Manifest(producer=PRODUCER, shards=tuple(shards), facts=facts))


def read_set_aside(quarantine: Path, raw: Manifest) -> frozenset[int]:
    """Positions of the refused documents in `raw`. Raises BadInput if the quarantine judged another corpus."""
    manifest = read_manifest(quarantine, PRODUCER)
    if manifest.facts.get("raw") != sha256_json(raw.model_dump(mode="json")):
        raise BadInput(f"{quarantine}: judges another corpus than data/raw; run `dvc repro check_corpus`")
    return frozenset(int(position) for position in manifest.facts["set_aside"])
