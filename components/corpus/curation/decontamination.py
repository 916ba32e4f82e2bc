"""Decontamination: no document for training may hold a window of words from a benchmark item.

Every string of every item in `components/evaluation/tasks/**/*.jsonl` counts, joined in the order of the file, so
that questions without answers and whole items are both found. Windows are compared without case, punctuation and
layout; a Chinese character counts as a word. Items shorter than a window are matched whole if they are long enough
to mean something. datatrove's own block would need lighteval and the network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.writers.disk_base import DiskWriter

from components.core.errors import BadInput
from components.corpus.curation.filters import Verdict
from components.corpus.curation.words import bare_words

TASKS = Path("components/evaluation/tasks")
_MIN_WHOLE_ITEM_WORDS = 8
Windows = dict[int, dict[str, str]]  # window length -> window -> benchmark


def benchmark_windows(tasks: Path, ngram_words: int) -> Windows:
    """Windows of all items below `tasks`, by length. Raises BadInput naming a file and line that is no JSON."""
    windows: Windows = {}
    for path in sorted(tasks.rglob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
            if not line.strip():
                continue
            try:
                item = json.loads(line)
            except json.JSONDecodeError as error:
                raise BadInput(f"{path}: line {number}: not JSON: {error.msg}; repair the benchmark file") from None
            words = bare_words(" ".join(_strings(item)))
            length = min(ngram_words, len(words))
            if length == ngram_words or length >= _MIN_WHOLE_ITEM_WORDS:
                for window in _windows(words, length):
                    windows.setdefault(length, {}).setdefault(window, path.stem)
    return windows


class DecontaminationFilter(BaseFilter):
    """Drops documents that share a window with a benchmark; the reason names it."""

    name = "decontamination"

    def __init__(self, windows: Windows, exclusion_writer: DiskWriter | None = None):
        super().__init__(exclusion_writer)
        self.windows = windows

    def filter(self, doc: Document) -> Verdict:
        benchmark = find_benchmark(doc.text, self.windows)
        return True if benchmark is None else (False, f"contaminated_{benchmark}")


def find_benchmark(text: str, windows: Windows) -> str | None:
    """The benchmark a text shares a window with."""
    words = bare_words(text)
    for length, known in windows.items():
        for window in _windows(words, length):
            if window in known:
                return known[window]
    return None


def _windows(words: list[str], length: int) -> Iterator[str]:
    return (" ".join(words[start : start + length]) for start in range(len(words) - length + 1))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for child in value.values():
            yield from _strings(child)
    elif isinstance(value, list):
        for child in value:
            yield from _strings(child)
