"""Stages as processes of this machine, each with its whole family in a process group held on a leash."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO

from components.core.progress import VARIABLE as PROGRESS_VARIABLE
from flows.execution import watchdog
from flows.execution.base import OnLine, OnProgress, Outcome, StageRequest, StageResult, judge, was_skipped
from flows.execution.profile import Profile

_POLL_S = 0.5
_KEPT_LINES = 60


class LocalExecutor:
    """Runs `dvc repro --single-item` here."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()

    def run(self, request: StageRequest, on_progress: OnProgress, on_line: OnLine) -> StageResult:
        started_s = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="trivium-progress-") as scratch:
            progress_file = Path(scratch) / "progress.json"
            with self._lock:  # so that a cancel sees every process or none is started after it
                if self._cancelled.is_set():
                    return StageResult(outcome=Outcome.CANCELLED, seconds=0.0, message="cancelled before it started")
                process = self._start(request, progress_file)
                self._running.add(process)
            try:
                lines, timed_out = self._follow(process, request, progress_file, on_progress, on_line)
            finally:
                with self._lock:
                    self._running.discard(process)
        seconds = time.monotonic() - started_s
        if self._cancelled.is_set() and process.returncode != 0:
            return StageResult(outcome=Outcome.CANCELLED, seconds=seconds, message="told to stop; its work is saved")
        if timed_out:
            limit = f"ran longer than {request.timeout_s:g} s; raise timeouts_s in its profile"
            return StageResult(outcome=Outcome.TIMED_OUT, seconds=seconds, message=limit)
        outcome, message = judge(request.stage, process.returncode, lines)
        return StageResult(outcome=outcome, seconds=seconds, message=message, unchanged=was_skipped(lines))

    def cancel(self) -> None:
        with self._lock:
            self._cancelled.set()
            running = list(self._running)
        for process in running:
            _let_go(process)
        for process in running:
            process.wait()

    def _start(self, request: StageRequest, progress_file: Path) -> subprocess.Popen[str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment.pop("PYTHONPATH", None)  # the stage's code is the workspace's, not the flow's
        environment |= dict(request.environment) | {PROGRESS_VARIABLE: str(progress_file), "PYTHONUNBUFFERED": "1"}
        # A stage's command says `python`: it must be this one.
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
        # Without --wait-for-lock parallel stages fail on the repository lock.
        repro = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", request.stage]
        return subprocess.Popen(
            [sys.executable, "-I", str(Path(watchdog.__file__)), str(self._profile.grace_s), *repro],
            cwd=request.workspace,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # a signal to the flow's group must come through the flow, which decides
        )

    def _follow(
        self,
        process: subprocess.Popen[str],
        request: StageRequest,
        progress_file: Path,
        on_progress: OnProgress,
        on_line: OnLine,
    ) -> tuple[list[str], bool]:
        """Report until the process ends. Returns its last lines and whether it ran out of time."""
        lines: deque[str] = deque(maxlen=_KEPT_LINES)
        assert process.stdout is not None
        reader = threading.Thread(target=_read, args=(process.stdout, lines, on_line), daemon=True)
        reader.start()
        deadline_s = time.monotonic() + request.timeout_s
        timed_out, seen = False, ""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)
            seen = _report(progress_file, seen, on_progress)
            if process.returncode is not None:
                reader.join(timeout=5)  # a stray process that left its group may hold the pipe open
                return list(lines), timed_out
            if time.monotonic() > deadline_s and not timed_out:
                timed_out = True
                _let_go(process)


def _let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()


def _read(stream: IO[str], lines: deque[str], on_line: OnLine) -> None:
    for line in stream:
        lines.append(line.rstrip("\n"))
        on_line(line.rstrip("\n"))


def _report(progress_file: Path, seen: str, on_progress: OnProgress) -> str:
    """Hand on the progress file if it changed. It is replaced whole, so it is never read half-written."""
    try:
        text = progress_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return seen
    if text != seen:
        on_progress(json.loads(text))
    return text


PROFILE = Profile
EXECUTOR = LocalExecutor
