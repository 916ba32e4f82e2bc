"""A process identified by its number and start time, so that a later process with its number is not taken for it."""

from __future__ import annotations

import contextlib

import psutil
from pydantic import BaseModel, ConfigDict


class ProcessMark(BaseModel):
    """What names a process of this machine for as long as anybody may ask."""

    model_config = ConfigDict(frozen=True)

    pid: int
    created_s: float

    @classmethod
    def of(cls, process: psutil.Process) -> ProcessMark:
        return cls(pid=process.pid, created_s=process.create_time())

    def find(self) -> psutil.Process | None:
        """The process if it still lives."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            if process.create_time() == self.created_s and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None
