"""The process inside the sandbox: it builds its cell, imports pytest once and forks for every job.

    owner ── launcher (new user, mount, pid, network, ipc, uts and cgroup namespaces; builds the root; waits)
              └─ zygote (pid 1 of the cell; pytest imported; privileged inside the cell only, runs no job itself)
                  └─ keeper (per job: mount, pid and ipc namespaces of its own, a fresh tmpfs)
                      └─ init (pid 1 of the job: when it ends, the kernel ends everything the job started)
                          └─ job (no privileges, limits, filtered system calls)

Where the kernel grants no namespaces the same tree runs without them: limits, a clean environment, a directory of its
own and the system-call filter remain. The owner decides whether that is enough. Started by `Sandbox`, never by hand.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import resource
import select
import shutil
import signal
import socket
import stat
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from components.sandbox import kernel
from components.sandbox.wire import Limits, Result, receive, send

JOB_DIRECTORY = "/job"
_NOBODY = 65534
_DEVICES = ("null", "zero", "full", "random", "urandom")
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache", "/etc/localtime")
_NAMESPACES = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWCGROUP
)


def main(channel_fd: int) -> None:
    """Build the cell the owner asked for and serve jobs until the owner goes."""
    channel = socket.socket(fileno=channel_fd)
    config = receive(channel)
    if config is None:
        return
    kernel.die_with_parent(signal.SIGKILL)
    uid: int | None = None
    if config["namespaces"]:
        try:
            kernel.unshare(_NAMESPACES)
            send(channel, {"state": "unshared"})
            receive(channel)  # the owner has written the id maps
            uid = _NOBODY if config["maps_nobody"] else None
            _build_root(config["scaffold"], config["python"])
        except OSError as error:
            send(channel, {"state": "failed", "reason": str(error)})
            return
        child = os.fork()
        if child:
            channel.close()
            os.waitpid(child, 0)
            return
        kernel.die_with_parent(signal.SIGKILL)
    kernel.forbid_inspection()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _warm_up()
    send(channel, {"state": "ready"})
    while (job := receive(channel)) is not None:
        result = _Job(job, uid, private=config["namespaces"], scaffold=config["scaffold"], channel=channel).run()
        send(channel, vars(result))


def _build_root(scaffold: str, python: list[str]) -> None:
    """A root of its own on tmpfs: the system's programs and this Python, read-only, and nothing else."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", scaffold, "tmpfs", kernel.MS_NOSUID, "size=1m,mode=755")
    root = Path(scaffold)
    for name in (*_SYSTEM, *python):
        source, target = Path(name), root / name.lstrip("/")
        if not source.exists() or target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
            continue
        target.mkdir() if source.is_dir() else target.touch()
        kernel.bind_read_only(name, str(target))
    (root / "dev").mkdir()
    for name in _DEVICES:
        (root / "dev" / name).touch()
        kernel.mount(f"/dev/{name}", str(root / "dev" / name), None, kernel.MS_BIND)
    (root / JOB_DIRECTORY.lstrip("/")).mkdir()
    if not (root / "tmp").exists():  # it does where this Python lives below it
        (root / "tmp").symlink_to(JOB_DIRECTORY)
    kernel.pivot_root(scaffold)
    kernel.mount("none", "/", None, kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID)


def _warm_up() -> None:
    """Import what every pytest run imports, then freeze it so that forks share the memory."""
    import inspect

    import pytest
    from _pytest.config import default_plugins

    for plugin in default_plugins:
        importlib.import_module(plugin if plugin.startswith("_pytest") else f"_pytest.{plugin}")
    for name in ("_pytest._code.source", "code", "difflib", "faulthandler", "pdb", "random", "runpy", "traceback"):
        importlib.import_module(name)
    inspect.getsource(
        pytest.main
    )  # fills the caches a failure report needs: where modules lie, the tokenizer's patterns
    gc.freeze()


class _Job:
    """One job, seen from the zygote."""

    def __init__(
        self, job: Mapping[str, Any], uid: int | None, *, private: bool, scaffold: str, channel: socket.socket
    ) -> None:
        self.files: dict[str, str] = job["files"]
        self.runner: str = job["runner"]
        self.arguments: list[str] = job["arguments"]
        self.limits = Limits(**job["limits"])
        self.uid = uid
        self.private = private
        self.directory = JOB_DIRECTORY if private else str(Path(scaffold) / "job")
        self.channel = channel

    def run(self) -> Result:
        output, output_in = os.pipe()
        status, status_in = os.pipe()
        done, done_in = os.pipe()
        keeper = os.fork()
        if keeper == 0:
            self._keep(output_in, status_in, done_in)
        for fd in (output_in, status_in, done_in):
            os.close(fd)
        try:
            return self._watch(keeper, output, status, done)
        finally:
            for fd in (output, status, done):
                os.close(fd)
            if not self.private:
                shutil.rmtree(self.directory, ignore_errors=True)

    def _watch(self, keeper: int, output: int, status: int, done: int) -> Result:
        """Collect output until the job ends or its time does; then make sure that nothing of it is left."""
        text, truncated, reports, init, ended = bytearray(), False, b"", 0, ""
        deadline = time.monotonic() + self.limits.wall_s
        open_fds = {output, status}
        expired = False
        while open_fds and not (expired and not init):
            left = deadline - time.monotonic()
            ready = select.select([*open_fds, self.channel.fileno()], [], [], max(left, 0))[0]
            if self.channel.fileno() in ready:
                os._exit(0)  # the owner speaks only between jobs: it is gone, and with pid 1 goes the cell
            if not ready and not expired:
                expired = True
                self._kill(keeper, init)
                deadline = time.monotonic() + 5.0
                continue
            if not ready:
                break
            if output in ready:
                piece = os.read(output, 65536)
                if not piece:
                    open_fds.discard(output)
                room = self.limits.output_bytes - len(text)
                truncated |= len(piece) > room
                text += piece[: max(room, 0)]
            if status in ready:
                piece = os.read(status, 4096)
                if not piece:
                    open_fds.discard(status)
                reports += piece
                # Keeper and init write on their own: under load the end of a short job comes before its init's number.
                notes = dict(line.split() for line in reports.decode().split("\n")[:-1])
                ended = notes.get("ended", "")
                if not init and "init" in notes:
                    init = int(notes["init"])
                    if expired:
                        self._kill(keeper, init)
                if not self.private and init and ended:
                    self._kill(0, init)  # what the job left behind holds the output open
        os.waitpid(keeper, 0)
        if init:
            with contextlib.suppress(ChildProcessError):  # the init of a keeper that was killed first falls to us
                os.waitpid(init, 0)
        code = os.waitstatus_to_exitcode(int(ended)) if ended else None
        completed = bool(select.select([done], [], [], 0)[0]) and os.read(done, 1) == b"."
        ending = "timeout" if expired else "lost" if code is None else "signalled" if code < 0 else "exited"
        return Result(
            ending=ending,  # type: ignore[arg-type]
            exit_code=None if expired else code,
            completed=completed and ending == "exited",
            output=text.decode("utf-8", "replace"),
            truncated=truncated,
        )

    def _kill(self, keeper: int, init: int) -> None:
        for pid in (init if self.private else -init, keeper):
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _keep(self, output: int, status: int, done: int) -> NoReturn:
        """The keeper: namespaces and directory of this job; waits for its init."""
        try:
            self.channel.close()
            kernel.die_with_parent(signal.SIGKILL)
            if self.private:
                kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC)
                options = f"size={self.limits.directory_bytes},nr_inodes=1024,mode=700"
                kernel.mount("tmpfs", self.directory, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, options)
            else:
                Path(self.directory).mkdir(mode=0o700)
            self._write_files()
            init = os.fork()
            if init == 0:
                self._init(output, status, done)
            os.write(status, b"init %d\n" % init)
            os.close(output)
            os.waitpid(init, 0)
        except BaseException as error:
            os.write(output, f"sandbox: {error}\n".encode())
        finally:
            os._exit(0)

    def _write_files(self) -> None:
        for name, text in self.files.items():
            path = Path(self.directory, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if self.uid is not None:
            for path in (Path(self.directory), *Path(self.directory).rglob("*")):
                os.chown(path, self.uid, self.uid)

    def _init(self, output: int, status: int, done: int) -> NoReturn:
        """Pid 1 of the job: reports how the job itself ended, and takes the rest along."""
        try:
            kernel.die_with_parent(signal.SIGKILL)
            if not self.private:
                os.setpgid(0, 0)
            job = os.fork()
            if job == 0:
                os.close(status)
                self._work(output, done)
            os.close(output)
            os.close(done)
            while True:
                pid, ended = os.wait()
                if pid == job:
                    os.write(status, b"ended %d\n" % ended)
                    break
        finally:
            os._exit(0)

    def _work(self, output: int, done: int) -> NoReturn:
        """The job itself. Whatever it does, it never returns into this program."""
        code = 70
        try:
            for target in (1, 2):
                os.dup2(output, target)
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            finished = 3
            if done != finished:
                os.dup2(done, finished)
            os.closerange(finished + 1, 1024)
            self._confine()
            sys.path[:] = [self.directory, *(path for path in sys.path if stat.S_ISDIR(_mode(path)))]
            os.chdir(self.directory)
            os.environ["TMPDIR"] = self.directory
            code = _run_pytest(self.arguments) if self.runner == "pytest" else _run_python(self.arguments)
            sys.stdout.flush()
            sys.stderr.flush()
            os.write(finished, b".")
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code & 0xFF)

    def _confine(self) -> None:
        limits = self.limits
        for what, value in (
            (resource.RLIMIT_AS, limits.memory_bytes),
            (resource.RLIMIT_CPU, limits.cpu_s),
            # The keeper, the init and, without a map to nobody, launcher and zygote count as this user's.
            (resource.RLIMIT_NPROC, limits.processes + (0 if self.uid else 3) if self.private else _roomy(limits)),
            (resource.RLIMIT_FSIZE, limits.file_bytes),
            (resource.RLIMIT_NOFILE, limits.open_files),
            (resource.RLIMIT_CORE, 0),
        ):
            hard = resource.getrlimit(what)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(what, (value, value))
        kernel.drop_privileges(self.uid)
        kernel.filter_system_calls()


def _roomy(limits: Limits) -> int:
    """Without a namespace the user's other processes count too: only a flood can be told from them."""
    return 4096 + limits.processes


def _mode(path: str) -> int:
    try:
        return Path(path).stat().st_mode if path else 0
    except OSError:
        return 0


def _run_pytest(arguments: list[str]) -> int:
    import pytest

    return int(pytest.main(arguments))


def _run_python(arguments: list[str]) -> int:
    import runpy
    import traceback

    sys.argv = list(arguments)
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0
