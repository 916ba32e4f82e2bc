"""The owner's side: start a warm worker, hand it jobs, know what this machine really enforces.

    with Sandbox(untrusted=True) as sandbox:
        result = sandbox.run({"add.py": "...", "test_add.py": "..."}, ["-q", "test_add.py"])

A sandbox that is to run untrusted code (what a model wrote) refuses to start where the kernel grants no namespaces;
code of our own may still run there within limits. `probe()` tells which it is, by trying.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from components.core.errors import BadInput
from components.sandbox.wire import Limits, Result, Runner, receive, send

_START_S = 60.0
_GRACE_S = 15.0
_END_S = 3.0
_ROOT = Path(__file__).resolve().parents[2]
_START = "import sys; sys.path.insert(0, sys.argv[1]); from components.sandbox.worker import main; "
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "OMP_NUM_THREADS": "1",
    "COLUMNS": "80",
}
_NO_LIMITS = Limits()


@dataclass(frozen=True, kw_only=True)
class SandboxReport:
    """What a job on this machine cannot do, each found by trying from inside; `reason` says why namespaces lack."""

    no_outside_files: bool
    read_only_root: bool
    no_network: bool
    no_other_processes: bool
    no_privileges: bool
    bounded_processes: bool
    bounded_memory: bool
    clean_environment: bool
    reason: str = ""

    @property
    def holds_untrusted_code(self) -> bool:
        return all(value for name, value in vars(self).items() if name != "reason")

    def lacking(self) -> list[str]:
        return [name for name, value in vars(self).items() if name != "reason" and not value]


class Sandbox:
    """A warm worker. One job at a time; safe to share between threads, not between processes."""

    def __init__(self, *, untrusted: bool = True, namespaces: bool = True) -> None:
        """`namespaces=False` does without them even where the kernel has them (tests of the fallback).

        Raises BadInput when `untrusted` code would not be contained here.
        """
        self._lock = threading.Lock()
        self._owner_pid = os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._scaffold = tempfile.mkdtemp(prefix="trivium-sandbox-")
        self._namespaces, reason = namespaces, "" if namespaces else "namespaces were not asked for"
        try:
            if self._namespaces:
                reason = self._start()
                self._namespaces = not reason
            if not self._namespaces:
                failure = self._start()
                if failure:
                    raise BadInput(f"sandbox: its worker does not start ({failure})")
            self.report = self._examine(reason)
            if untrusted and not self.report.holds_untrusted_code:
                raise BadInput(
                    f"sandbox: this machine cannot contain untrusted code: {', '.join(self.report.lacking())} not "
                    f"enforced ({reason or 'kernel settings'}); allow unprivileged user namespaces "
                    "(sysctl user.max_user_namespaces, in a container its seccomp profile) or leave code_repair out"
                )
        except BaseException:
            self.close()
            raise
        atexit.register(self.close)

    def run(
        self,
        files: Mapping[str, str],
        arguments: Sequence[str],
        *,
        runner: Runner = "pytest",
        limits: Limits = _NO_LIMITS,
    ) -> Result:
        """Run pytest (or one Python file) with `arguments` in a fresh directory that holds `files` and nothing else.

        Output, exit code and everything else in the result come from code that may be hostile: read it as data.
        """
        for name in files:
            assert not name.startswith("/") and ".." not in Path(name).parts, f"{name!r} leaves the job's directory"
        job = {"files": dict(files), "arguments": list(arguments), "runner": runner, "limits": asdict(limits)}
        with self._lock:
            if self._channel is None:
                failure = self._start()
                assert not failure, failure
            assert self._channel is not None
            self._channel.settimeout(limits.wall_s + _GRACE_S)
            try:
                send(self._channel, job)
                answer = receive(self._channel)
            except (OSError, ValueError):
                answer = None
            if answer is None:  # the worker is gone or stuck; the next job gets a new one
                self._stop()
                return Result(ending="lost", exit_code=None, completed=False, output="", truncated=False)
            return Result(**answer)

    def process_count(self) -> int:
        """Processes below the worker's launcher: the zygote alone while no job runs."""
        return len(psutil.Process(self._process.pid).children(recursive=True)) if self._process is not None else 0

    def close(self) -> None:
        if os.getpid() == self._owner_pid:
            self._stop()
            shutil.rmtree(self._scaffold, ignore_errors=True)
            atexit.unregister(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> str:
        """Start a worker. Returns why it could not build its cell, or an empty string."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-B", "-X", "utf8", "-c", f"{_START}main({theirs.fileno()})", str(_ROOT)],
                env=_ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._channel = ours
        ours.settimeout(_START_S)
        maps_nobody = os.geteuid() == 0
        config = {
            "namespaces": self._namespaces,
            "maps_nobody": maps_nobody,
            "scaffold": self._scaffold,
            "python": _python_directories(),
        }
        answer: dict[str, Any] | None = None
        try:
            send(ours, config)
            answer = receive(ours)
            if answer == {"state": "unshared"}:
                _write_id_maps(self._process.pid, maps_nobody)
                send(ours, {"state": "mapped"})
                answer = receive(ours)
        except OSError as error:
            answer = {"state": "failed", "reason": str(error)}
        if answer == {"state": "ready"}:
            return ""
        self._stop()
        return str((answer or {}).get("reason", "the worker ended"))

    def _stop(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            try:  # without its owner the cell ends by itself, and every process is waited for by its parent
                self._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()  # the cell dies with its launcher
                self._process.wait()
            self._process = None

    def _examine(self, reason: str) -> SandboxReport:
        """Let a job try what it must not be able to do."""
        program = (Path(__file__).parent / "examination.py").read_text(encoding="utf-8")
        arguments = ["examination.py", __file__, sys.prefix]
        result = self.run({"examination.py": program}, arguments, runner="python", limits=Limits(wall_s=20.0))
        if not result.passed:
            raise BadInput(f"sandbox: its examination ended as {result.ending}: {result.output.strip()[-300:]}")
        found: dict[str, bool] = json.loads(result.output)
        return SandboxReport(**found, reason=reason)


def _write_id_maps(pid: int, maps_nobody: bool) -> None:
    """Name the users of the new namespace. Root maps `nobody` too: limits on processes do not bind root itself."""
    directory = Path("/proc", str(pid))
    if maps_nobody:
        lines = "0 0 1\n65534 65534 1\n"
        (directory / "uid_map").write_text(lines)
        (directory / "gid_map").write_text(lines)
    else:
        (directory / "setgroups").write_text("deny")
        (directory / "uid_map").write_text(f"0 {os.geteuid()} 1\n")
        (directory / "gid_map").write_text(f"0 {os.getegid()} 1\n")


def _python_directories() -> list[str]:
    """What the interpreter needs to see besides the system's own directories."""
    found = {os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    found |= {sys.prefix, sys.base_prefix}
    return sorted(path for path in found if not path.startswith("/usr/") and path != "/usr")


@cache
def probe() -> SandboxReport:
    """What this machine enforces; starts a worker once."""
    with Sandbox(untrusted=False) as sandbox:
        return sandbox.report
