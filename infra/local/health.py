"""Is a service up, and is its port free for it?"""

from __future__ import annotations

import contextlib
import socket
import time
import urllib.error
import urllib.request

import psutil

from components.core.errors import BadInput
from infra.local.settings import LOOPBACK

_POLL_S = 0.2


def is_healthy(url: str) -> bool:
    """Whether `url` answers 200 now."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_until_healthy(url: str, patience_s: float) -> None:
    """Return once `url` answers. Raises TimeoutError."""
    deadline_s = time.monotonic() + patience_s
    while not is_healthy(url):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{url} did not answer within {patience_s:.0f} s")
        time.sleep(_POLL_S)


def refuse_taken_port(port: int, variable: str) -> None:
    """Raises BadInput, naming port, holder and remedy, if something listens on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do; TIME_WAIT is no obstacle
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            raise BadInput(f"{variable} = {port}: this user may not listen there; choose a port above 1023") from None
        except OSError:
            raise BadInput(
                f"{variable} = {port}: port {port} is in use by {_holder(port)}; stop it, or choose a free port with "
                f"{variable}=<port>"
            ) from None


def _holder(port: int) -> str:
    with contextlib.suppress(psutil.AccessDenied):
        for connection in psutil.net_connections("tcp"):
            listens_there = connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,)
            if listens_there and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return "another program"
