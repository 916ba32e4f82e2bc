"""How a fault is found from what a failed test shows: searches and views, each following from the one before.

A route starts from words of the test run alone (a traceback's frame, the name of what the test calls) and ends with the
faulty line in view.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from components.agent.messages import ToolCall
from components.tasks.code.packages import Definition, definitions, is_test_file
from components.tasks.code.tools import SEARCH, VIEW, search, view

_BEFORE, _AFTER = 8, 6
_SHOWN_FRAME = re.compile(r"^(\S+\.py):(\d+): in \S+$", re.MULTILINE)
_HIT = re.compile(r"^(\S+\.py):(\d+)(?:-(\d+))?: ", re.MULTILINE)
_COMMON = frozenset(
    ("assert", "AssertionError", "False", "None", "True", "TypeError", "ValueError", "self", "tests", "test", "FAILED",
     "passed", "failed", "Error", "object", "return", "import", "from", "with", "list", "tuple", "dict", "lambda",
     "where", "assertEqual", "assertRaises", "assertTrue", "assertIsNone", "expected", "result", "actual")
)  # fmt: skip
Why = Literal["test", "frame", "definition", "callee", "class", "text", "found", "rest"]


@dataclass(frozen=True, kw_only=True)
class Look:
    """One search or view. `why` says what led to it and `keyword` which word."""

    tool: str
    arguments: dict[str, Any]
    why: Why
    keyword: str

    @property
    def call(self) -> ToolCall:
        return ToolCall(name=self.tool, arguments=self.arguments)

    def show(self, files: Mapping[str, str]) -> str:
        """What it shows of `files`."""
        return (search if self.tool == SEARCH.name else view)(files, **self.arguments).content


Route = tuple[Look, ...]


def find_route(files: Mapping[str, str], shown: str, module: str, function: Definition, line: int) -> Route | None:
    """The shortest of the known ways from the test run `shown` to `line` of `function`: from the run itself, or from
    the failed test once that has been read."""
    route = _from_words(files, shown, shown, module, function, line)
    if route is not None:
        return route
    frame = _SHOWN_FRAME.search(shown)
    if frame is None:
        return None
    read = _view(frame[1], int(frame[2]) - _BEFORE, int(frame[2]) + 1, "test", "")
    route = _from_words(files, shown, read.show(files), module, function, line)
    return (read, *route) if route is not None else None


def _from_words(
    files: Mapping[str, str], shown: str, read: str, module: str, function: Definition, line: int
) -> Route | None:
    words = keywords(read)
    ways = (
        *_by_frame(shown, module, function),
        *_by_definition(files, words, module, function),
        *_by_class(files, words, module, function),
        *_by_caller(files, words, module, function),
        *_by_text(files, words, module, function, line),
    )
    return next((way for way in ways if _shows(files, way[-1], module, line)), None)


def keywords(shown: str) -> list[str]:
    """Names a reader might look for, in order: `test_take` also speaks of `take`, `TakeTests` too."""
    found: dict[str, None] = {}
    for word in re.findall(r"[A-Za-z_]\w{2,}", shown):
        bare = re.sub(r"^test_|^Test|Tests?$", "", word)
        for name in (word, bare, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", bare).lower()):
            if name and name not in _COMMON:
                found.setdefault(name)
    return list(found)


def names_function(shown: str, qualname: str) -> bool:
    """Whether the run shows the function's name, in a traceback or anywhere else."""
    return re.search(rf"\b{re.escape(qualname.rpartition('.')[2])}\b", shown) is not None


def shows_line(content: str, line: int) -> bool:
    """Whether the content of a view holds the line."""
    return re.search(rf"^{line} ", content, re.MULTILINE) is not None


def _shows(files: Mapping[str, str], look: Look, module: str, line: int) -> bool:
    return look.tool == VIEW.name and look.arguments["path"] == module and shows_line(look.show(files), line)


def _view(path: str, first: int, last: int, why: Why, keyword: str) -> Look:
    return Look(
        tool=VIEW.name, arguments={"path": path, "first": max(1, first), "last": last}, why=why, keyword=keyword
    )


def _by_frame(shown: str, module: str, function: Definition) -> Iterator[Route]:
    for match in _SHOWN_FRAME.finditer(shown):
        line = int(match[2])
        if match[1] == module and function.first <= line <= function.last:
            yield (_view(module, line - _BEFORE, line + _AFTER, "frame", function.name),)


def _define(files: Mapping[str, str], text: str, path: str, why: Why, keyword: str) -> Iterator[Route]:
    """Search a definition and view it in full, if the search shows it."""
    for match in _HIT.finditer(search(files, text).content):
        if match[1] == path and match[3]:
            last = int(match[3])
            found = Look(tool=SEARCH.name, arguments={"text": text}, why=why, keyword=keyword)
            read = _view(path, int(match[2]), last, "found", keyword)
            yield found, read
            cut = re.search(r"^\.\.\. cut before line (\d+)$", read.show(files), re.MULTILINE)
            if cut:
                yield found, read, _view(path, int(cut[1]), last, "rest", keyword)


def _by_definition(files: Mapping[str, str], words: list[str], module: str, function: Definition) -> Iterator[Route]:
    if function.name in words:
        yield from _define(files, f"def {function.name}(", module, "definition", function.name)


def _by_class(files: Mapping[str, str], words: list[str], module: str, function: Definition) -> Iterator[Route]:
    owner = function.qualname.rpartition(".")[0]
    if owner in words:
        yield from _define(files, f"class {owner}", module, "class", owner)


def _by_caller(files: Mapping[str, str], words: list[str], module: str, function: Definition) -> Iterator[Route]:
    """A function the run names calls the faulty one."""
    name = re.compile(rf"\b{re.escape(function.name)}\(")
    for path in sorted(path for path in files if not is_test_file(path)):
        for caller in definitions(files[path]):
            if caller.is_class or caller.name not in words or caller.name == function.name:
                continue
            for way in _define(files, f"def {caller.name}(", path, "definition", caller.name):
                if len(way) == 2 and name.search(way[-1].show(files)):
                    for rest in _define(files, f"def {function.name}(", module, "callee", function.name):
                        yield (*way, *rest)


def _by_text(
    files: Mapping[str, str], words: list[str], module: str, function: Definition, line: int
) -> Iterator[Route]:
    """A word of the run stands near the fault."""
    near = "\n".join(files[module].splitlines()[max(0, line - _BEFORE - 1) : line + _AFTER])
    for word in words:
        if len(word) < 5 or word not in near:
            continue
        for match in _HIT.finditer(search(files, word).content):
            at = int(match[2])
            if match[1] == module and function.first <= at <= function.last:
                yield (
                    Look(tool=SEARCH.name, arguments={"text": word}, why="text", keyword=word),
                    _view(module, at - _BEFORE, at + _AFTER, "found", word),
                )
