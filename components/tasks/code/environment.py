"""The environments of code tasks: files, what an agent may do to them, and who judges.

Sources and tests lie there as files, with no history to look into. Each tool is the method of its name.
"""

from __future__ import annotations

import difflib
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from components.agent.environment import Observation, ToolEnvironment
from components.agent.messages import ToolCall
from components.tasks.code.catalogue import Suite
from components.tasks.code.mutants import passes
from components.tasks.code.packages import Package, is_test_file, named_tests
from components.tasks.code.report import cut, show_report
from components.tasks.code.runner import TestRunner
from components.tasks.code.tools import no_file, search, view

_MOST_EDITED_CHARACTERS = 2000
_MOST_SHOWN_EDIT_LINES = 6
ALREADY_SUBMITTED = Observation(status="denied", content="already submitted")


@dataclass(kw_only=True)
class CodeEnvironment(ToolEnvironment):
    """Files and a runner of tests."""

    runner: TestRunner

    @property
    @abstractmethod
    def files(self) -> Mapping[str, str]:
        """What the agent can read, by path."""

    def run(self, call: ToolCall) -> Observation:
        observation: Observation = getattr(self, call.name)(**call.arguments)
        return observation


@dataclass(kw_only=True)
class PackageEnvironment(CodeEnvironment):
    """A package with some `changed` files and the suite that is run on it."""

    package: Package
    suite: Suite
    changed: dict[str, str]
    history: list[tuple[str, str]] = field(default_factory=list)
    initial: dict[str, str] = field(init=False)
    submitted: bool = False

    def __post_init__(self) -> None:
        self.initial = dict(self.changed)

    @property
    def files(self) -> Mapping[str, str]:
        return {**self.package.files, **self.changed}

    def run_tests(self, test: str | None = None) -> Observation:
        tests = self.suite.tests
        if test is None:
            return show_report(self.runner.test(self.files, tests), tests)
        known = named_tests(self.files[tests])
        matching = [name for name in known if test in (name, name.rpartition("::")[2])]
        if len(matching) != 1:
            close = difflib.get_close_matches(test, matching or known, n=2, cutoff=0.4)
            hint = f"; like it: {', '.join(close)}" if close else ""
            return Observation(status="error", content=f"no test {cut(test)!r} in {tests}{hint}")
        return show_report(self.runner.test(self.files, tests, matching), tests)

    def search(self, text: str) -> Observation:
        return search(self.files, text)

    def view(self, path: str, first: int, last: int) -> Observation:
        return view(self.files, path, first, last)

    def edit(self, path: str, old: str, new: str) -> Observation:
        if self.submitted:
            return ALREADY_SUBMITTED
        text = self.files.get(path)
        if text is None:
            return no_file(self.files, path)
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

    def revert(self) -> Observation:
        if self.submitted:
            return ALREADY_SUBMITTED
        if not self.history:
            return Observation(status="error", content="there is no edit to take back")
        path, before = self.history.pop()
        pairs = enumerate(zip(self.changed[path].splitlines(), before.splitlines(), strict=False), start=1)
        first = next((number for number, (one, other) in pairs if one != other), 1)
        self.changed[path] = before
        return Observation(status="ok", content="taken back: " + _show_lines(path, before, first, first))

    def submit(self) -> Observation:
        if self.submitted:
            return ALREADY_SUBMITTED
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
        return all(passes(self.runner, self.package, sources, tests) for tests in dict.fromkeys(suites))


def _show_lines(path: str, text: str, first: int, last: int) -> str:
    lines = text.splitlines()[first - 1 : last][:_MOST_SHOWN_EDIT_LINES]
    return "\n".join([path, *(f"{number} {line}" for number, line in enumerate(lines, start=first))])
