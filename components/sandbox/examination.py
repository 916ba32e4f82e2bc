"""The job a new sandbox runs first: try each thing a job must not be able to do, and print what was prevented.

Arguments: a file outside the job's directory, and a directory this Python lives in.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from pathlib import Path


def _prevented(attempt: object) -> bool:
    assert callable(attempt)
    try:
        attempt()
    except (OSError, MemoryError):
        return True
    return False


def _connect() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside:
        outside.connect(("192.0.2.1", 9))  # an address reserved for documentation: nothing is sent


def _sees_processes() -> bool:
    """Whether a process that is no child of this job can be signalled (signal 0 asks without sending)."""
    if os.getpid() > 64:
        return True
    return any(pid != os.getpid() and not _prevented(lambda pid=pid: os.kill(pid, 0)) for pid in range(3, 300))


def main() -> None:
    outside, prefix = sys.argv[1:3]
    print(
        json.dumps(
            {
                "no_outside_files": _prevented(Path(outside).stat) and not Path("/proc/1").exists(),
                "read_only_root": all(
                    _prevented(lambda place=place: Path(place, ".trivium-probe").write_text(""))
                    for place in ("/", "/usr", prefix, "/dev")
                ),
                "no_network": _prevented(_connect),
                "no_other_processes": not _sees_processes(),
                "no_privileges": os.geteuid() != 0 or _prevented(lambda: os.setgid(65534)),
                "bounded_processes": 0 < resource.getrlimit(resource.RLIMIT_NPROC)[1] <= 64,
                "bounded_memory": _prevented(lambda: bytearray(1 << 30)),
                "clean_environment": set(os.environ)
                <= {
                    "PATH", "HOME", "LANG", "LC_CTYPE", "PYTHONHASHSEED", "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
                    "OMP_NUM_THREADS", "COLUMNS", "TMPDIR",
                },
            }
        )
    )  # fmt: skip


main()
