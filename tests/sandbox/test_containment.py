"""Hostile jobs against a real sandbox: each tries its worst, the next job and the owner go on as if nothing was."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from components.core.errors import BadInput
from components.sandbox import Limits, Result, Sandbox, probe
from components.sandbox.worker import _Job

pytestmark = pytest.mark.skipif(
    not probe().holds_untrusted_code, reason=f"the kernel grants no namespaces: {probe().reason} {probe().lacking()}"
)
MIB = 1 << 20


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(untrusted=True) as sandbox:
        yield sandbox


def python(sandbox: Sandbox, program: str, **limits: float) -> Result:
    return sandbox.run({"job.py": program}, ["job.py"], runner="python", limits=Limits(**{"wall_s": 10.0, **limits}))  # type: ignore[arg-type]


def still_works(sandbox: Sandbox) -> bool:
    result = python(sandbox, "print('alive')")
    assert result.passed, result
    return result.output == "alive\n"


def test_runs_a_real_pytest_suite(sandbox: Sandbox) -> None:
    files = {
        "add.py": "def add(a, b):\n    return a - b\n",
        "test_add.py": "from add import add\n\ndef test_one():\n    assert add(2, 3) == 5\n\ndef test_two():\n"
        "    assert add(2, 0) == 2\n",
    }
    broken = sandbox.run(files, ["-q", "-p", "no:cacheprovider"])
    assert broken.ending == "exited" and broken.completed and broken.exit_code == 1 and not broken.passed
    assert "where -1 = add(2, 3)" in broken.output and "1 failed, 1 passed" in broken.output
    fixed = sandbox.run({**files, "add.py": "def add(a, b):\n    return a + b\n"}, ["-q", "-p", "no:cacheprovider"])
    assert fixed.passed and "2 passed" in fixed.output


def test_nothing_stays_between_jobs(sandbox: Sandbox) -> None:
    first = python(
        sandbox,
        "import os, sys, pathlib\npathlib.Path('left.txt').write_text('x')\nos.environ['LEFT'] = '1'\n"
        "import math; math.left = 1\nif os.fork() == 0:\n    import time; time.sleep(30)\n    os._exit(0)\n",
    )
    assert first.passed
    second = python(sandbox, "import os, math\nprint(os.listdir('.'), 'LEFT' in os.environ, hasattr(math, 'left'))")
    assert second.output == "['job.py'] False False\n"


def test_secrets_of_the_environment_are_out_of_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-the-owner")
    with Sandbox() as sandbox:
        result = python(sandbox, "import os\nprint(dict(os.environ))")
        assert result.passed and "a-secret" not in result.output and "AWS" not in result.output
        assert python(sandbox, "open('/proc/self/environ').read()").exit_code == 1


@pytest.mark.parametrize("path", [str(Path.home()), str(Path(__file__).resolve()), "/etc/passwd", "/proc/1", "/sys"])
def test_outside_files_are_out_of_sight(sandbox: Sandbox, path: str) -> None:
    assert Path(path).exists()
    names = python(
        sandbox, f"import os, glob\np = {path!r}\nprint([n for n in glob.glob(p + '/*') if os.path.isfile(n)])"
    )
    read = python(sandbox, f"open({path!r}).read()")
    assert names.output == "[]\n" and read.exit_code == 1


@pytest.mark.parametrize("path", ["/made.txt", "/usr/made.txt", "/dev/made", os.path.__file__, os.__file__])
def test_the_root_is_read_only(sandbox: Sandbox, path: str) -> None:
    existed = Path(path).read_bytes() if Path(path).exists() else None
    result = python(sandbox, f"open({path!r}, 'a').write('x')")
    assert result.exit_code == 1 and ("Read-only" in result.output or "Permission denied" in result.output)
    assert (Path(path).read_bytes() if Path(path).exists() else None) == existed


@pytest.mark.parametrize(
    "program",
    [
        "import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)",
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port}))",
        "import socket\nsocket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "import socket\nsocket.socket(socket.AF_UNIX, socket.SOCK_STREAM).connect({abstract!r})",
    ],
)
def test_no_network(sandbox: Sandbox, program: str) -> None:
    abstract = f"\0trivium-test-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(abstract)
        local.listen()
        result = python(sandbox, program.format(port=server.getsockname()[1], abstract=abstract))
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()
    assert result.exit_code == 1 and "Error" in result.output


def test_a_fork_bomb_runs_into_its_limit(sandbox: Sandbox) -> None:
    bomb = "import os, time\nn = 0\ntry:\n    while n < 500:\n        if os.fork() == 0:\n            time.sleep(60)\n"
    bomb += "        n += 1\nexcept OSError:\n    pass\nprint(n)"
    result = python(sandbox, bomb, processes=8)
    assert result.passed and 1 <= int(result.output) <= 8
    recursive = python(
        sandbox, "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass", wall_s=1.0
    )
    assert recursive.ending == "timeout"
    assert still_works(sandbox)


def test_memory_runs_into_its_limit(sandbox: Sandbox) -> None:
    result = python(sandbox, "x = bytearray(400 * 2**20)", memory_bytes=300 * MIB)
    assert result.exit_code == 1 and "MemoryError" in result.output
    assert still_works(sandbox)


def test_disk_runs_into_its_limits(sandbox: Sandbox) -> None:
    one = python(sandbox, "f = open('a', 'wb')\nf.write(bytes(2 * 2**20))\nf.flush()", file_bytes=MIB)
    assert not one.passed
    fill = "for i in range(64):\n    with open(f'f{i}', 'wb') as f: f.write(bytes(2**20))\n"
    many = python(sandbox, fill, file_bytes=2 * MIB, directory_bytes=8 * MIB)
    assert many.exit_code == 1 and "No space left" in many.output
    files = python(sandbox, "for i in range(10**6): open(f'{i}', 'w').close()")
    assert files.exit_code == 1 and "No space left" in files.output
    assert still_works(sandbox)


def test_output_is_cut(sandbox: Sandbox) -> None:
    result = python(sandbox, "import sys\nfor _ in range(3000): sys.stdout.write('x' * 1000)", output_bytes=5000)
    assert result.truncated and len(result.output) == 5000 and result.passed


@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "import time; time.sleep(60)",
        "import signal, time\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\ntime.sleep(60)",
        "import os, time\nif os.fork():\n    os.close(1); os.close(2)\ntime.sleep(60)",
    ],
)
def test_time_runs_out(sandbox: Sandbox, program: str) -> None:
    result = python(sandbox, program, wall_s=0.7)
    assert result.ending == "timeout" and not result.passed and result.exit_code is None
    assert still_works(sandbox)


def test_cpu_time_runs_out(sandbox: Sandbox) -> None:
    result = python(sandbox, "while True: pass", cpu_s=1, wall_s=30.0)
    assert result.ending == "signalled" and result.exit_code == -signal.SIGKILL


def test_nobody_else_can_be_killed(sandbox: Sandbox) -> None:
    program = "import os, signal\nfor pid in [-1, os.getppid(), 1, 2, 3, *range(10, 60)]:\n    try: os.kill(pid, 9)\n"
    python(sandbox, program + "    except OSError: pass\n")
    python(sandbox, f"import os\nos.kill({os.getpid()}, 9)")
    assert still_works(sandbox)


def test_no_privilege_can_be_had(sandbox: Sandbox) -> None:
    program = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
tried = {
    "mount": libc.mount(b"none", b"/job", b"tmpfs", 0, None),
    "unshare": libc.unshare(0x10000000),
    "chroot": libc.chroot(b"/"),
    "ptrace": libc.ptrace(16, 1, 0, 0),
}
for name in ("setuid", "setgid"):
    try:
        getattr(os, name)(0 if os.getuid() else 1)
        tried[name] = 0
    except OSError:
        tried[name] = -1
print(sorted(name for name, result in tried.items() if result == 0))
"""
    assert python(sandbox, program).output == "[]\n"


def test_leaving_early_is_no_pass(sandbox: Sandbox) -> None:
    """`os._exit(0)` in the module under test must not look like tests that passed."""
    files = {"m.py": "import os\nos._exit(0)\n", "test_m.py": "import m\n\ndef test_m():\n    assert False\n"}
    result = sandbox.run(files, ["-q"])
    assert result.exit_code == 0 and not result.completed and not result.passed


def test_a_worker_that_was_killed_is_replaced(sandbox: Sandbox) -> None:
    assert sandbox._process is not None
    os.kill(sandbox._process.pid, signal.SIGKILL)
    sandbox._process.wait()  # a job that is quicker than the signal is no lost one
    lost = python(sandbox, "print(1)")
    assert lost.ending == "lost" and not lost.passed
    assert still_works(sandbox)


@pytest.mark.parametrize("reports", [b"init 7\nended 256\n", b"ended 256\ninit 7\n"])
def test_a_job_may_end_before_its_keeper_has_spoken(reports: bytes) -> None:
    """Keeper and init write into one pipe; under load either may be first."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        request = {"files": {}, "runner": "python", "arguments": [], "limits": {}}
        job = _Job(request, None, private=True, scaffold="", channel=theirs)
        keeper = os.posix_spawn("/bin/true", ["true"], {})
        pipes = [os.pipe() for _ in range(3)]
        os.write(pipes[1][1], reports)
        os.write(pipes[2][1], b".")
        for _, write_end in pipes:
            os.close(write_end)
        result = job._watch(keeper, *(read_end for read_end, _ in pipes))
        for read_end, _ in pipes:
            os.close(read_end)
    assert (result.ending, result.exit_code, result.completed) == ("exited", 1, True)


def test_nothing_outlives_its_owner() -> None:
    sandbox = Sandbox()
    assert sandbox._process is not None
    family = [sandbox._process.pid, *(c.pid for c in psutil.Process(sandbox._process.pid).children(recursive=True))]
    assert len(family) >= 2
    sandbox.close()
    deadline = time.monotonic() + 10
    while any(psutil.pid_exists(pid) for pid in family) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(psutil.pid_exists(pid) for pid in family)


def test_an_owner_that_was_killed_takes_its_job_along() -> None:
    program = (
        "import sys, threading, time\nfrom components.sandbox import Limits, Sandbox\nbox = Sandbox()\n"
        "job = ({'job.py': 'import time; time.sleep(300)'}, ['job.py'])\n"
        "threading.Thread(target=box.run, args=job, kwargs={'runner': 'python', 'limits': Limits(wall_s=99)}).start()\n"
        "time.sleep(0.5)\nprint('busy', flush=True)\ntime.sleep(300)\n"
    )
    root = Path(__file__).resolve().parents[2]
    owner = subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None and owner.stdout.readline() == "busy\n"
    family = psutil.Process(owner.pid).children(recursive=True)
    assert len(family) >= 4  # launcher, zygote, keeper, init and the job
    owner.kill()
    owner.wait()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_without_namespaces_untrusted_code_is_refused() -> None:
    with pytest.raises(BadInput, match=r"cannot contain untrusted code.*no_outside_files"):
        Sandbox(untrusted=True, namespaces=False)


def test_without_namespaces_own_code_still_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hidden")
    with Sandbox(untrusted=False, namespaces=False) as sandbox:
        report = sandbox.report
        assert report.reason and not report.holds_untrusted_code
        assert report.no_network and report.bounded_memory and report.clean_environment
        assert still_works(sandbox)
        assert python(sandbox, "while True: pass", wall_s=0.7).ending == "timeout"
        assert "hidden" not in python(sandbox, "import os\nprint(dict(os.environ))").output
        assert "Error" in python(sandbox, "import socket\nsocket.create_connection(('127.0.0.1', 1), 1)").output
        assert still_works(sandbox)
