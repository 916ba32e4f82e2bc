"""What an agent can do in a package with a fault: run tests, search, view, edit, revert, submit.

Sources and tests lie there as files, with no history to look into. Only what is submitted counts, and it is judged by
the original tests: an edit of the tests helps nobody.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

from components.agent.environment import Observation, ToolEnvironment
from components.agent.messages import ToolCall, ToolSpec
from components.tasks.code.catalogue import Suite
from components.tasks.code.mutants import Workshop
from components.tasks.code.packages import Package, definitions, docstring_lines, is_test_file, named_tests
from components.tasks.code.report import cut, show_report

_MOST_HITS = 5
_MOST_VIEWED_LINES = 26
_MOST_VIEWED_CHARACTERS = 1000
_MOST_EDITED_CHARACTERS = 2000
_MOST_SHOWN_EDIT_LINES = 6


def _tool(name: str, description: str, required: tuple[str, ...] = (), **properties: str) -> ToolSpec:
    parameters: dict[str, object] = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in properties.items()},
    }
    if required:
        parameters["required"] = list(required)
    return ToolSpec(name=name, description=description, parameters=parameters)


RUN_TESTS = _tool("run_tests", "all tests, or one by name", test="string")
SEARCH = _tool("search", "exact text in all files", ("text",), text="string")
VIEW = _tool("view", "lines of a file", ("path", "first", "last"), path="string", first="integer", last="integer")
EDIT = _tool("edit", "replace text that stands once", ("path", "old", "new"), path="string", old="string", new="string")
REVERT = _tool("revert", "take back the last edit")
SUBMIT = _tool("submit", "hand in the work")
READING_TOOLS = (RUN_TESTS, SEARCH, VIEW)
BLAME = _tool("blame", "name the function at fault, once", ("path", "function"), path="string", function="string")
LOCALISE_TOOLS = (*READING_TOOLS, BLAME)
EVALUATE = _tool("evaluate", "an expression under the names of the module", ("expression",), expression="string")
WRITE_TEST = _tool("write_test", "write the test file and run it on the right version", ("text",), text="string")
RUN_MUTANTS = _tool("run_mutants", "how many wrong versions the test notices")
WRITE_TEST_TOOLS = (SEARCH, VIEW, EVALUATE, WRITE_TEST, RUN_MUTANTS, SUBMIT)
REPAIR_TOOLS = (*READING_TOOLS, EDIT, REVERT, SUBMIT)


@dataclass(kw_only=True)
class PackageEnvironment(ToolEnvironment):
    """A package with some `changed` files and the suite that is run on it."""

    workshop: Workshop
    package: Package
    suite: Suite
    changed: dict[str, str]
    history: list[tuple[str, str]] = field(default_factory=list)
    initial: dict[str, str] = field(init=False)
    submitted: bool = False

    def __post_init__(self) -> None:
        self.initial = dict(self.changed)

    @property
    def files(self) -> dict[str, str]:
        return {**self.package.files, **self.changed}

    def run(self, call: ToolCall) -> Observation:
        arguments = call.arguments
        if call.name == RUN_TESTS.name:
            return self._run_tests(arguments.get("test"))
        if call.name == SEARCH.name:
            return search(self.files, arguments["text"])
        if call.name == VIEW.name:
            return view(self.files, arguments["path"], arguments["first"], arguments["last"])
        if self.submitted:
            return Observation(status="denied", content="already submitted")
        if call.name == EDIT.name:
            return self._edit(arguments["path"], arguments["old"], arguments["new"])
        return self._revert() if call.name == REVERT.name else self._submit()

    def _run_tests(self, name: str | None) -> Observation:
        tests = self.suite.tests
        if name is None:
            return show_report(self.workshop.test(self.package, self.changed, tests), tests)
        known = named_tests(self.files[tests])
        matching = [test for test in known if name in (test, test.rpartition("::")[2])]
        if len(matching) != 1:
            return Observation(status="error", content=_unknown(name, tests, matching or known))
        return show_report(self.workshop.test(self.package, self.changed, tests, (matching[0],)), tests)

    def _edit(self, path: str, old: str, new: str) -> Observation:
        text = self.files.get(path)
        if text is None:
            return _no_file(self.files, path)
        if len(new) > _MOST_EDITED_CHARACTERS:
            return Observation(status="error", content=f"new: more than {_MOST_EDITED_CHARACTERS} letters")
        count = text.count(old) if old else 0
        if count != 1:
            return Observation(status="error", content=f"old stands {count} times in {path}, not once; nothing edited")
        before, _, after = text.partition(old)
        self.history.append((path, text))
        self.changed[path] = before + new + after
        first = before.count("\n") + 1
        return Observation(status="ok", content=_show_lines(path, self.changed[path], first, first + new.count("\n")))

    def _revert(self) -> Observation:
        if not self.history:
            return Observation(status="error", content="there is no edit to take back")
        path, before = self.history.pop()
        changed = next(iter(_differing_lines(self.changed[path], before)), 1)
        self.changed[path] = before
        return Observation(status="ok", content="taken back: " + _show_lines(path, before, changed, changed))

    def _submit(self) -> Observation:
        lines: list[str] = []
        for path in sorted(self.changed):
            before = self.initial.get(path, self.package.files[path]).splitlines()
            diff = list(difflib.unified_diff(before, self.changed[path].splitlines(), lineterm="", n=0))[2:]
            lines += [path, *diff] if diff else []
        if not lines:
            return Observation(status="error", content="nothing is edited")
        self.submitted = True
        left = len(lines) - 2 * _MOST_SHOWN_EDIT_LINES
        shown = lines[: 2 * _MOST_SHOWN_EDIT_LINES] + ([f"... {left} more lines"] if left > 0 else [])
        return Observation(status="ok", content="submitted\n" + "\n".join(shown))

    def verify(self, answer: str) -> bool:
        """Whether what was submitted passes the original tests of every suite its modules have."""
        if not self.submitted:
            return False
        sources = {path: text for path, text in self.changed.items() if not is_test_file(path)}
        suites = [
            suite.tests
            for suite in self.package.spec.suites
            if suite == self.suite or any(module in sources for module in suite.modules)
        ]
        return all(self.workshop.passes(self.package, sources, tests) for tests in dict.fromkeys(suites))


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
        return _no_file(files, path)
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


def _unknown(name: str, tests: str, known: tuple[str, ...] | list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.4)
    return f"no test {cut(name)!r} in {tests}" + (f"; like it: {', '.join(close)}" if close else "")


def _no_file(files: Mapping[str, str], path: str) -> Observation:
    close = difflib.get_close_matches(path, sorted(files), n=2, cutoff=0.4)
    return Observation(
        status="error", content=f"no file {cut(path)!r}" + (f"; like it: {', '.join(close)}" if close else "")
    )


def _show_lines(path: str, text: str, first: int, last: int) -> str:
    lines = text.splitlines()[first - 1 : last][:_MOST_SHOWN_EDIT_LINES]
    return "\n".join([path, *(f"{number} {line}" for number, line in enumerate(lines, start=first))])


def _differing_lines(one: str, other: str) -> list[int]:
    pairs = zip(one.splitlines(), other.splitlines(), strict=False)
    return [number for number, (a, b) in enumerate(pairs, start=1) if a != b]
