"""What passes between the owner of a sandbox and the process inside it: framed JSON, limits and results.

JSON and never pickle: the owner must be able to read what comes out of the sandbox without trusting it.
"""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass
from typing import Any, Literal

Runner = Literal["pytest", "python"]
Ending = Literal["exited", "signalled", "timeout", "lost"]
MIB = 1 << 20
_MAX_FRAME_BYTES = 16 * MIB


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one job may use. Memory is per process, so a job has at most `processes` times `memory_bytes`."""

    wall_s: float = 10.0
    cpu_s: int = 8
    memory_bytes: int = 512 * MIB
    processes: int = 8
    file_bytes: int = MIB
    directory_bytes: int = 8 * MIB
    open_files: int = 64
    output_bytes: int = 64 << 10


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a job ended. `completed` is false where the program left without returning to its runner (`os._exit`, a
    signal, a time limit): its exit code then says nothing about the work. `output` is standard output and error."""

    ending: Ending
    exit_code: int | None
    completed: bool
    output: str
    truncated: bool

    @property
    def passed(self) -> bool:
        return self.ending == "exited" and self.completed and self.exit_code == 0


def send(channel: socket.socket, message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    channel.sendall(struct.pack("=I", len(body)) + body)


def receive(channel: socket.socket) -> dict[str, Any] | None:
    """The next message, or None when the other side has gone."""
    head = _read(channel, 4)
    if head is None:
        return None
    (size,) = struct.unpack("=I", head)
    if size > _MAX_FRAME_BYTES:
        return None
    body = _read(channel, size)
    message = json.loads(body) if body is not None else None
    return message if isinstance(message, dict) else None


def _read(channel: socket.socket, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        piece = channel.recv(size - len(data))
        if not piece:
            return None
        data += piece
    return data
