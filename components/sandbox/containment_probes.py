"""Ways out of the sandbox, each one really tried: what a hostile job does, and how that is seen to have failed.

A program prints `ESCAPED` where it got what it wanted. An attempt is contained when that is not said, the job ended in
one of the ways it may, and the next job runs as if nothing had been.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.sandbox.sandbox import Sandbox
from components.sandbox.wire import Ending, Limits

ESCAPED = "ESCAPED"
_SECRET_NAME, _SECRET = "TRIVIUM_PROBE_SECRET", "a-secret-of-the-owner"
_LIMITS = Limits(wall_s=2.0, cpu_s=10)
_LEFT_S = 3.0


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One way to try. @PORT, @SOCKET, @OWNER, @OUTSIDE, @PREFIX in the program name things of the owner's."""

    aim: str
    name: str
    program: str
    endings: tuple[Ending, ...] = ("exited", "signalled")
    limits: Limits = _LIMITS


def _statement(code: str) -> str:
    """Gets out where the code does not raise."""
    lines = "\n".join(f"    {line}" for line in code.splitlines())
    return (
        "import os, socket, sys, ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"try:\n{lines}\nexcept (OSError, MemoryError, AssertionError):\n    pass\nelse:\n    print('{ESCAPED}')\n"
    )


def _attempt(aim: str, name: str, code: str) -> Attempt:
    return Attempt(aim=aim, name=name, program=_statement(code))


def _endless(name: str, program: str) -> Attempt:
    return Attempt(aim="time", name=name, program=program, endings=("timeout",), limits=Limits(wall_s=1.0, cpu_s=30))


_DEAF = """import signal, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
time.sleep(60)
"""
_BOMB = """import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
_LEFT_BEHIND = """import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(1)
        os.close(2)
        time.sleep(300)
    os._exit(0)
"""
_KILL_ALL = """import os
for pid in [-1, os.getppid(), 1, 2, 3, *range(10, 60)]:
    try:
        os.kill(pid, 9)
    except OSError:
        pass
"""

ATTEMPTS = (
    _attempt("network", "connect to a server on loopback", "socket.create_connection(('127.0.0.1', @PORT), 1)"),
    _attempt(
        "network",
        "send a datagram",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', @PORT))",
    ),
    _attempt("network", "open a raw socket", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"),
    _attempt(
        "network", "reach an abstract socket of the owner", "socket.socket(socket.AF_UNIX).connect('\\0' + '@SOCKET')"
    ),
    _attempt("files", "read a file of the owner", "open('@OUTSIDE').read()"),
    _attempt("files", "read it through a symbolic link", "os.symlink('@OUTSIDE', 'link')\nopen('link').read()"),
    _attempt("files", "read it through a hard link", "os.link('@OUTSIDE', 'hard')\nopen('hard').read()"),
    _attempt("files", "climb out of the directory", "open('../../../../../..@OUTSIDE').read()"),
    _attempt("files", "read /etc/passwd", "open('/etc/passwd').read()"),
    _attempt("files", "read another process's memory map", "open('/proc/1/maps').read()"),
    _attempt("files", "write into the root", "open('/made.txt', 'w')"),
    _attempt("files", "write into this Python", "open('@PREFIX/made.txt', 'w')"),
    _attempt("files", "make a device", "os.mknod('disk', 0o60600, os.makedev(8, 0))"),
    _attempt("secrets", "find a secret in the environment", f"assert {_SECRET!r} in str(dict(os.environ))"),
    _attempt("secrets", "read /proc/self/environ", "open('/proc/self/environ').read()"),
    _attempt("processes", "signal the owner", "os.kill(@OWNER, 0)"),
    Attempt(
        aim="processes", name="kill everything in sight", program=_KILL_ALL, endings=("exited", "signalled", "lost")
    ),
    _attempt("processes", "trace the first process", "assert libc.ptrace(16, 1, 0, 0) == 0"),
    Attempt(
        aim="processes",
        name="fork without end",
        program=_BOMB,
        endings=("timeout", "signalled"),
        limits=Limits(wall_s=1.0, cpu_s=30),
    ),
    Attempt(aim="processes", name="leave a process behind", program=_LEFT_BEHIND),
    _attempt("memory", "take a gigabyte", "block = bytearray(1 << 30)"),
    _attempt("disk", "fill the disk", "for i in range(64): open(str(i), 'wb').write(bytes(2 ** 20))"),
    _attempt("disk", "make a hundred thousand files", "for i in range(10 ** 5): open(str(i), 'w').close()"),
    _attempt("disk", "write one large file", "f = open('f', 'wb', 0)\nfor i in range(64): f.write(bytes(2 ** 20))"),
    _attempt("disk", "open five thousand files", "kept = [open('/dev/null') for _ in range(5000)]"),
    _endless("loop", "while True:\n    pass\n"),
    _endless("sleep deaf to every signal", _DEAF),
    _attempt("privilege", "become root", "os.setuid(0 if os.getuid() else 1)"),
    _attempt("privilege", "mount a file system", "assert libc.mount(b'none', b'/job', b'tmpfs', 0, None) == 0"),
    _attempt("privilege", "make namespaces of its own", "assert libc.unshare(0x10000000) == 0"),
    _attempt("privilege", "change the root", "os.chroot('.')"),
    _attempt("privilege", "load a filter into the kernel", "assert libc.syscall(321, 0, 0, 0) >= 0"),
    _attempt("privilege", "enter the owner's namespaces", "assert libc.setns(os.open('/proc/1/ns/mnt', 0), 0) == 0"),
)


def try_all(attempts: Sequence[Attempt] = ATTEMPTS, *, namespaces: bool = True) -> Iterator[tuple[Attempt, bool]]:
    """Run attempts in a sandbox owned by this process: each with whether it was contained.

    Without `namespaces` most are not, which proves the attempts. Raises BadInput where nothing can be contained.
    """
    with _owners_things() as things, Sandbox(untrusted=namespaces, namespaces=namespaces) as sandbox:
        for attempt in attempts:
            program = attempt.program
            for token, value in things.items():
                program = program.replace(token, value)
            result = sandbox.run({"job.py": program}, ["job.py"], runner="python", limits=attempt.limits)
            nothing_left = _only_zygote(sandbox)
            following = sandbox.run({"job.py": "print('alive')"}, ["job.py"], runner="python")
            held = ESCAPED not in result.output and result.ending in attempt.endings and nothing_left
            yield attempt, held and following.passed and following.output == "alive\n"


def _only_zygote(sandbox: Sandbox) -> bool:
    """Whether no process of the job is left, soon after its end."""
    deadline = time.monotonic() + _LEFT_S
    while sandbox.process_count() > 1:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def _owners_things() -> Iterator[Mapping[str, str]]:
    """What a job may be after: servers, a file and a secret of this process."""
    name = f"trivium-escape-{os.getpid()}"
    before = os.environ.get(_SECRET_NAME)
    os.environ[_SECRET_NAME] = _SECRET
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
            local.bind(f"\0{name}")
            local.listen()
            yield {
                "@PORT": str(server.getsockname()[1]),
                "@SOCKET": name,
                "@OWNER": str(os.getpid()),
                "@OUTSIDE": str(Path(__file__).resolve()),
                "@PREFIX": str(Path(os.__file__).parent),
            }
    finally:
        os.environ.pop(_SECRET_NAME)
        if before is not None:
            os.environ[_SECRET_NAME] = before
