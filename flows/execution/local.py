"""Stages as processes of this machine, each under a watchdog that stops it with all it started."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from flows.execution.base import OnLine, OnProgress, StageRequest, StageResult, StageStatus, judge, was_skipped
from flows.execution.profile import Profile
from flows.execution.watched import WatchedProcess


class LocalExecutor:
    """Runs `dvc repro --single-item` here."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._running: set[WatchedProcess] = set()

    def run(self, request: StageRequest, on_progress: OnProgress, on_line: OnLine) -> StageResult:
        started_s = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="trivium-progress-") as scratch:
            progress_file = Path(scratch) / "progress.json"
            with self._lock:  # so that a cancel sees every process or none is started after it
                if self._cancelled.is_set():
                    return StageResult(status=StageStatus.CANCELLED, seconds=0.0, message="cancelled before it started")
                process = self._start(request, progress_file)
                self._running.add(process)
            try:
                exit_code, lines, timed_out = process.follow(on_progress, on_line, request.timeout_s)
            finally:
                with self._lock:
                    self._running.discard(process)
        seconds = time.monotonic() - started_s
        if self._cancelled.is_set() and exit_code != 0:
            return StageResult(status=StageStatus.CANCELLED, seconds=seconds, message="told to stop; its work is saved")
        if timed_out:
            limit = f"ran longer than {request.timeout_s:g} s; raise timeouts_s in its profile"
            return StageResult(status=StageStatus.TIMED_OUT, seconds=seconds, message=limit)
        status, message = judge(request.stage, exit_code, lines)
        return StageResult(status=status, seconds=seconds, message=message, unchanged=was_skipped(lines))

    def cancel(self) -> None:
        with self._lock:
            self._cancelled.set()
            running = list(self._running)
        for process in running:
            process.stop()
        for process in running:
            process.wait()

    def _start(self, request: StageRequest, progress_file: Path) -> WatchedProcess:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment.pop("PYTHONPATH", None)  # the stage's code is the workspace's, not the flow's
        environment |= dict(request.environment) | {"PYTHONUNBUFFERED": "1"}
        # A stage's command says `python`: it must be this one.
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
        return WatchedProcess(
            # Without --wait-for-lock parallel stages fail on the repository lock.
            [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", request.stage],
            workspace=request.workspace,
            environment=environment,
            progress_file=progress_file,
            grace_s=self._profile.grace_s,
        )
