"""Classical Chinese: primers and prose (mengxue), Song lyrics (songci), Yuan drama songs (yuanqu)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.corpus.packages import read_members
from scripts.starter_sources import Entry, sample

_POEMS_A_DOCUMENT = 25
_MIN_CHARACTERS = 60
_SHARE_OF_POEMS = 0.16
_LEFT_OUT = ("wenzimengqiu", "sanzijing-traditional")  # a table of glyphs; a second edition of a primer
_NOTES = ("abstract", "preface", "tags")  # editors' modern notes, not the classical texts


def chinese_poetry(archives: dict[str, Path]) -> Iterator[Entry]:
    """Primers one chapter a document; poems in groups by author, a sample of the groups. Script as it is."""
    archive = archives["chinese-poetry"]
    for path, data in read_members(archive, "package/dist/mengxue/*.json"):
        if Path(path).stem not in _LEFT_OUT:
            yield from _primer(path, json.loads(data))
    poems: list[tuple[str, dict[str, Any]]] = []
    for folder, pattern in (("songci", "package/dist/songci/ci.song.*.json"), ("yuanqu", "package/dist/yuanqu/*.json")):
        for _, data in read_members(archive, pattern):
            poems += [(folder, poem) for poem in json.loads(data)]
    yield from sample(_groups(poems), _SHARE_OF_POEMS)


def _primer(path: str, book: dict[str, Any]) -> Iterator[Entry]:
    chapters = list(_chapters(book, []))
    whole = "\n\n".join(chapters)
    if len(whole) < 20_000:
        yield Entry(path=path, text=whole, metadata={"title": book["title"]})
        return
    for number, chapter in enumerate(_join_short(chapters)):
        yield Entry(path=f"{path}#{number}", text=chapter, metadata={"title": book["title"]})


def _chapters(node: dict[str, Any], above: list[str]) -> Iterator[str]:
    """Every node that holds paragraphs, headed by the titles on the way to it."""
    heading = [*above, *(str(node[key]).strip() for key in ("title", "type", "chapter", "author") if node.get(key))]
    if isinstance(node.get("paragraphs"), list):
        lines = [line for line in node["paragraphs"] if isinstance(line, str)]
        yield "\n".join([" ".join(heading), *lines])
    for child in node.get("content", []):
        if isinstance(child, dict):
            yield from _chapters({key: value for key, value in child.items() if key not in _NOTES}, heading)


def _join_short(chapters: list[str], minimum: int = 600) -> Iterator[str]:
    """Join neighbours until each text has at least `minimum` characters."""
    held = ""
    for chapter in chapters:
        held = f"{held}\n\n{chapter}" if held else chapter
        if len(held) >= minimum:
            yield held
            held = ""
    if held:
        yield held


def _groups(poems: list[tuple[str, dict[str, Any]]]) -> Iterator[Entry]:
    """Consecutive poems of one collection and author, at most `_POEMS_A_DOCUMENT` together."""
    group: list[str] = []
    key: tuple[str, str] = ("", "")
    number = 0
    for folder, poem in [*poems, ("", {"author": "", "paragraphs": ["end"]})]:
        here = (folder, poem["author"])
        if group and (here != key or len(group) == _POEMS_A_DOCUMENT):
            collection, author = key
            text = "\n\n".join(group)
            if len(text) >= _MIN_CHARACTERS:  # of some poems only a line has come down to us
                yield Entry(path=f"package/dist/{collection}#{number:05d}", text=text, metadata={"author": author})
            group, number = [], number + 1
        key = here
        title = poem.get("rhythmic") or poem.get("title") or ""
        lines = [line for line in poem["paragraphs"] if line.strip()]
        if lines:
            group.append("\n".join([f"{title} {poem['author']}".strip(), *lines]))
