"""STEM and code: Python's documentation, theorems of set.mm in words and symbols, the standard library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from components.corpus.packages import read_members
from scripts.starter_sources import Entry, sample

_DOC_FOLDERS = ("tutorial/", "howto/", "reference/", "faq/")
_SHARE_OF_LIBRARY = 0.09
_THEOREMS_A_DOCUMENT = 30
_SHARE_OF_THEOREMS = 0.22
_SHARE_OF_STDLIB = 0.3
_LONGEST_MODULE_BYTES = 100_000


def python_docs(archives: dict[str, Path]) -> Iterator[Entry]:
    """reStructuredText sources: tutorial, how-tos, reference and FAQ whole, a sample of the library's pages."""
    root = "usr/share/doc/python3.11/html/_sources/"
    library: list[Entry] = []
    for path, data in read_members(archives["python3.11-doc"], f"{root}*.rst.txt"):
        entry = Entry(path=path, text=data.decode())
        page = path.removeprefix(root)
        if page.startswith(_DOC_FOLDERS) or page == "glossary.rst.txt":
            yield entry
        elif page.startswith("library/"):
            library.append(entry)
    yield from sample(library, _SHARE_OF_LIBRARY)


def set_mm(archives: dict[str, Path]) -> Iterator[Entry]:
    """Theorems and definitions: label, what the comment says, the formal statement; neighbours in one document."""
    ((path, data),) = read_members(archives["metamath-databases"], "*/set.mm")
    statements = list(_statements(data.decode("ascii")))
    groups = (
        Entry(path=f"{path}#{start:05d}", text="\n\n".join(statements[start : start + _THEOREMS_A_DOCUMENT]))
        for start in range(0, len(statements), _THEOREMS_A_DOCUMENT)
    )
    yield from sample(groups, _SHARE_OF_THEOREMS)


def _statements(database: str) -> Iterator[str]:
    """A comment directly before `label $a` or `label $p` describes that statement."""
    pattern = re.compile(r"\$\(((?:(?!\$\)).)*)\$\)\s+(\S+)\s+\$[ap]\s+((?:(?!\$[=.]).)*)\$[=.]", re.DOTALL)
    for comment, label, statement in pattern.findall(database):
        words = re.sub(r"\((?:Contributed|Revised|Proof shortened|Proof modification|New usage)[^()]*\)", "", comment)
        words = re.sub(r"~ (\S+)", r"\1", words).replace("`", "").replace("_", "")
        words = " ".join(words.split())
        if len(words) > 20:
            yield f"{label}: {words}\n{' '.join(statement.split())}"


def stdlib(archives: dict[str, Path]) -> Iterator[Entry]:
    """A sample of the standard library's modules; files with a copyright note of their own are left out."""
    entries: list[Entry] = []
    for package in ("libpython3.11-minimal", "libpython3.11-stdlib"):
        for path, data in read_members(archives[package], "usr/lib/python3.11/*.py", exclude="*/test*/*"):
            text = data.decode()
            foreign = re.search(r"copyright|\(c\)\s+\d{4}|licensed? ", text, re.IGNORECASE)
            if 400 < len(data) < _LONGEST_MODULE_BYTES and not foreign and "lib2to3" not in path:
                entries.append(Entry(path=path, text=text))
    yield from sample(sorted(entries, key=lambda entry: entry.path), _SHARE_OF_STDLIB)
