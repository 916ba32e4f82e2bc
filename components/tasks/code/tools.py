"""The tools of code tasks, and the two that only read: `search` and `view` over files in memory."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from components.agent.environment import Observation
from components.agent.messages import ToolSpec
from components.tasks.code.packages import definitions, docstring_lines, is_test_file
from components.tasks.code.report import cut

_MOST_HITS = 5
_MOST_VIEWED_LINES = 26
_MOST_VIEWED_CHARACTERS = 1000


def tool(name: str, description: str = "", optional: tuple[str, ...] = (), **properties: str) -> ToolSpec:
    """A tool whose arguments are `properties`, by name their JSON types."""
    parameters: dict[str, object] = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in properties.items()},
    }
    required = [key for key in properties if key not in optional]
    if required:
        parameters["required"] = required
    return ToolSpec(name=name, description=description, parameters=parameters)


RUN_TESTS = tool("run_tests", "all tests, or one by name", ("test",), test="string")
SEARCH = tool("search", "exact text in all files", text="string")
VIEW = tool("view", "lines of a file", path="string", first="integer", last="integer")
EDIT = tool("edit", "replace text that stands once", path="string", old="string", new="string")
REVERT = tool("revert", "take back the last edit")
SUBMIT = tool("submit", "hand in the work")
BLAME = tool("blame", "name the function at fault, once", path="string", function="string")
EVALUATE = tool("evaluate", "an expression under the names of the module", expression="string")
WRITE_TEST = tool("write_test", "write the test file and run it on the right version", text="string")
RUN_MUTANTS = tool("run_mutants", "how many wrong versions the test notices")


def search(files: Mapping[str, str], text: str) -> Observation:
    """Lines that hold `text`, sources before tests; a definition is shown with the range of its lines."""
    if not text.strip():
        return Observation(status="error", content="text: say what to search for")
    hits: list[str] = []
    for path in sorted(files, key=lambda path: (is_test_file(path), path)):
        if text not in files[path]:
            continue
        ranges = {found.first: found.last for found in definitions(files[path])}
        for number, line in enumerate(files[path].splitlines(), start=1):
            if text in line:
                end = f"-{ranges[number]}" if number in ranges else ""
                hits.append(f"{path}:{number}{end}: {cut(line.strip())}")
    if not hits:
        return Observation(status="ok", content=f"no line holds {cut(text)!r}")
    left = len(hits) - _MOST_HITS
    more = [f"... {left} more"] if left > 0 else []
    return Observation(status="ok", content="\n".join([*hits[:_MOST_HITS], *more]))


def view(files: Mapping[str, str], path: str, first: int, last: int) -> Observation:
    """Lines `first` to `last` with their numbers; docstrings are folded and a long view is cut, both visibly."""
    if path not in files:
        return no_file(files, path)
    lines = files[path].splitlines()
    if not 1 <= first <= last or first > len(lines):
        return Observation(status="error", content=f"no lines {first} to {last}; {path} has {len(lines)}")
    folded = docstring_lines(files[path])
    shown: list[str] = []
    length = count = 0
    for number in range(first, min(last, len(lines)) + 1):
        if number in folded:
            if number - 1 not in folded or number == first:
                shown.append("  ... docstring")
            continue
        line = f"{number} {lines[number - 1]}"
        if count >= _MOST_VIEWED_LINES or length + len(line) > _MOST_VIEWED_CHARACTERS:
            shown.append(f"... cut before line {number}")
            break
        shown.append(line)
        length, count = length + len(line), count + 1
    return Observation(status="ok", content="\n".join(shown))


def no_file(files: Mapping[str, str], path: str) -> Observation:
    """The error for a path that is not there, with paths close to it."""
    close = difflib.get_close_matches(path, sorted(files), n=2, cutoff=0.4)
    hint = f"; like it: {', '.join(close)}" if close else ""
    return Observation(status="error", content=f"no file {cut(path)!r}{hint}")
