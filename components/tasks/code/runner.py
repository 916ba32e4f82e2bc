"""Runs code and tests in the sandbox and remembers: a run is a pure function of its files and arguments.

One warm worker serves a process. What is remembered saves time and changes no result.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from components.sandbox import Limits, Result, Sandbox
from components.sandbox.wire import MIB, Runner
from components.tasks.code.report import Report, read_report

# Plugins that a short run of plain tests has no use for; without them it starts a third sooner.
_UNUSED_PLUGINS = (
    "cacheprovider", "doctest", "faulthandler", "junitxml", "legacypath", "logging", "pastebin", "recwarn",
    "setuponly", "setupplan", "stepwise", "threadexception", "unraisableexception",
)  # fmt: skip
PYTEST = ("-q", "--tb=short", "-c", os.devnull, "--rootdir=.", *(f"-pno:{plugin}" for plugin in _UNUSED_PLUGINS))
# The suites take 0.1 to 0.3 s. CPU time ends a bug that loops, whatever else the machine does.
LIMITS = Limits(wall_s=60.0, cpu_s=2, memory_bytes=512 * MIB, output_bytes=128 << 10)
_MOST_FAILURES = 3  # after which pytest stops
# A temporary file's random name stands in the messages of tests that write files; each test then prints another
# thing at every run. This plugin numbers them instead, from 0 for each test.
_PLUGIN = "numbered_files"
_NUMBERED_FILES = """import itertools, tempfile

def pytest_runtest_setup(item):
    tempfile._name_sequence = map("{:08}".format, itertools.count())
"""
_REMEMBERED_RUNS = 4096
_LOST_TRIES = 3


class TestRunner:
    """A sandbox that is asked the same thing only once."""

    __test__ = False  # no test case, whatever pytest makes of its name

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._sandbox: Sandbox | None = None
        self._owner_pid = os.getpid()
        self._results: OrderedDict[bytes, Result] = OrderedDict()

    def test(self, files: Mapping[str, str], tests: str, names: Sequence[str] = ()) -> Report:
        """Run the test file `tests`, or the tests called `names` of it, beside `files`. Raises as `run` does."""
        targets = [f"{tests}::{name}" for name in names] or [tests]
        plugins = [f"-p{_PLUGIN}"]
        if not any("unittest" in text for text in files.values()):
            plugins.append("-pno:debugging")  # what runs unittest cases alone needs it
        arguments = [*PYTEST, *plugins, f"--maxfail={_MOST_FAILURES}", *targets]
        return read_report(self.run({**files, f"{_PLUGIN}.py": _NUMBERED_FILES}, arguments))

    def run(self, files: Mapping[str, str], arguments: Sequence[str], *, runner: Runner = "pytest") -> Result:
        """Run pytest (or a Python file) beside `files`.

        Raises BadInput on a machine that cannot contain untrusted code. A run that the machine lost, again and again,
        comes back as lost and is not remembered.
        """
        if self._owner_pid != os.getpid():  # a forked process needs a worker of its own
            self._sandbox, self._owner_pid = None, os.getpid()
        key = hashlib.sha256(json.dumps([files, list(arguments), runner], sort_keys=True).encode()).digest()
        if key in self._results:
            self._results.move_to_end(key)
            return self._results[key]
        if self._sandbox is None:
            self._sandbox = Sandbox(untrusted=True)
            atexit.register(self._sandbox.close)
        for _ in range(_LOST_TRIES):
            result = self._sandbox.run(files, arguments, runner=runner, limits=self._limits)
            if result.ending != "lost":
                self._results[key] = result
                break
        if len(self._results) > _REMEMBERED_RUNS:
            self._results.popitem(last=False)
        return result
