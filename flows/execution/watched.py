"""A command under the watchdog, followed to its end: its lines, its progress, its limit of time."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from components.core.progress import VARIABLE as PROGRESS_VARIABLE
from flows.execution import watchdog
from flows.execution.base import OnLine, OnProgress

_POLL_S = 0.5
_KEPT_LINES = 60


class WatchedProcess:
    """A running command that is stopped, with all it started, when `stop` is called or this process dies.

    It gets SIGTERM and `grace_s` to save its work. It reports its progress to `progress_file`.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        workspace: Path,
        environment: Mapping[str, str],
        progress_file: Path,
        grace_s: float,
    ) -> None:
        self._progress_file = progress_file
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(Path(watchdog.__file__)), str(grace_s), *command],
            cwd=workspace,
            env={**environment, PROGRESS_VARIABLE: str(progress_file)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # a signal to our group must come through this process, which decides
        )

    def stop(self) -> None:
        """Tell the command to stop; returns at once. Safe to call twice and from a signal handler."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self) -> int:
        """The exit code, once the command and all it started are gone."""
        return self._process.wait()

    def follow(
        self, on_progress: OnProgress, on_line: OnLine, timeout_s: float = float("inf")
    ) -> tuple[int, list[str], bool]:
        """Report until the command ends, and stop it after `timeout_s`.

        Returns its exit code, its last lines and whether it ran out of time.
        """
        lines: deque[str] = deque(maxlen=_KEPT_LINES)
        reader = threading.Thread(target=self._read_lines, args=(lines, on_line), daemon=True)
        reader.start()
        deadline_s = time.monotonic() + timeout_s
        timed_out, progress = False, ""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_POLL_S)
            progress = self._report_progress(progress, on_progress)
            if self._process.returncode is not None:
                reader.join(timeout=5)  # a stray process that left its group may hold the pipe open
                return self._process.returncode, list(lines), timed_out
            if time.monotonic() > deadline_s and not timed_out:
                timed_out = True
                self.stop()

    def _read_lines(self, lines: deque[str], on_line: OnLine) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            lines.append(line.rstrip("\n"))
            on_line(line.rstrip("\n"))

    def _report_progress(self, before: str, on_progress: OnProgress) -> str:
        """Hand on the progress file if it changed. It is replaced whole, so it is never read half-written."""
        try:
            text = self._progress_file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return before
        if text != before:
            on_progress(json.loads(text))
        return text
