"""A watchdog: when the process that started it goes away, the command and all it started are told to stop.

Run as a script: `python watchdog.py GRACE_S COMMAND...`. It watches the other end of its standard input, which closes
when the owner closes it or dies in whatever way, SIGKILL included; so no stage outlives its flow. The command runs in a
process group of its own and SIGTERM goes to the whole group, because killing `dvc` alone would orphan the stage it
runs. What is left after the grace is killed. Standard library only: it starts once per stage and must start at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from typing import NoReturn

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_POLL_S = 0.05


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose parent died, so that their end is seen here.

    DVC dies at once on SIGTERM while the stage still saves; in a container nobody else might reap that stage.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def group_is_empty(group: int) -> bool:
    """Whether no process of the group is left. Reaps those that ended as ours."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def stop(group: int, grace_s: float) -> None:
    """SIGTERM to the group, SIGKILL to what is left after the grace; returns when nobody is."""
    for sign, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, sign)
        deadline = time.monotonic() + patience_s
        while not group_is_empty(group):
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        else:
            return


def main(arguments: list[str]) -> NoReturn:
    grace_s, command = float(arguments[0]), arguments[1:]
    adopt_orphans()
    stop_asked = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sign, lambda *_: stop_asked.set())

    def watch() -> None:
        while os.read(0, 1):
            pass
        stop_asked.set()

    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=watch, daemon=True).start()
    while child.poll() is None and not stop_asked.wait(_POLL_S):
        pass
    ended = child.poll()
    stop(child.pid, grace_s)  # also where the command ended by itself: it may have left helpers behind
    code = -signal.SIGTERM if ended is None else ended
    os._exit(code if code >= 0 else 128 - code)  # at once: the watching thread may still block in read


if __name__ == "__main__":
    main(sys.argv[1:])
