"""Runs code in the sandbox and remembers: a run is a pure function of its files and arguments.

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

# Plugins that a short run of plain tests has no use for; without them it starts a third sooner.
UNUSED_PLUGINS = (
    "cacheprovider", "doctest", "faulthandler", "junitxml", "legacypath", "logging", "pastebin", "recwarn",
    "setuponly", "setupplan", "stepwise", "threadexception", "unraisableexception",
)  # fmt: skip
PYTEST = ("-q", "--tb=short", "-c", os.devnull, "--rootdir=.", *(f"-pno:{plugin}" for plugin in UNUSED_PLUGINS))
# The suites take 0.1 to 0.3 s. CPU time ends a bug that loops, whatever else the machine does.
LIMITS = Limits(wall_s=60.0, cpu_s=2, memory_bytes=512 * MIB, output_bytes=128 << 10)
_REMEMBERED_RUNS = 4096
_LOST_TRIES = 3


class TestBench:
    """A sandbox that is asked the same thing only once."""

    __test__ = False  # no test case, whatever pytest makes of its name

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._sandbox: Sandbox | None = None
        self._owner_pid = os.getpid()
        self._seen: OrderedDict[bytes, Result] = OrderedDict()

    def run(self, files: Mapping[str, str], arguments: Sequence[str], *, runner: Runner = "pytest") -> Result:
        """Run pytest (or a Python file) beside `files`.

        Raises BadInput on a machine that cannot contain untrusted code. A run that the machine lost, again and again,
        comes back as lost and is not remembered.
        """
        if self._owner_pid != os.getpid():  # a forked process needs a worker of its own
            self._sandbox, self._owner_pid = None, os.getpid()
        key = hashlib.sha256(json.dumps([files, list(arguments), runner], sort_keys=True).encode()).digest()
        if key in self._seen:
            self._seen.move_to_end(key)
            return self._seen[key]
        if self._sandbox is None:
            self._sandbox = Sandbox(untrusted=True)
            atexit.register(self._sandbox.close)
        for _ in range(_LOST_TRIES):
            result = self._sandbox.run(files, arguments, runner=runner, limits=self._limits)
            if result.ending != "lost":
                self._seen[key] = result
                break
        if len(self._seen) > _REMEMBERED_RUNS:
            self._seen.popitem(last=False)
        return result
