"""What `up` started, on disk, so that a later `up`, `down` or client finds it again."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, ValidationError

from components.core.files import write_text
from components.core.process import ProcessMark
from infra.local.settings import Services


class ServicesRecord(BaseModel):
    """The running services: the supervisor, its ports, and every process seen below it."""

    model_config = ConfigDict(frozen=True)

    supervisor: ProcessMark
    prefect_port: int
    mlflow_port: int
    family: tuple[ProcessMark, ...] = ()

    def save(self, services: Services) -> None:
        write_text(services.directory / "services.json", self.model_dump_json(indent=2) + "\n")

    def services(self, asked: Services) -> Services:
        """`asked`, on the ports that really serve."""
        return Services(home=asked.home, root=asked.root, prefect_port=self.prefect_port, mlflow_port=self.mlflow_port)


def load(services: Services) -> ServicesRecord | None:
    """The last record, if there is a readable one."""
    try:
        return ServicesRecord.model_validate_json((services.directory / "services.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def running(services: Services) -> Services | None:
    """The services that run for this home, on whatever ports they were started; None if none do."""
    record = load(services)
    return record.services(services) if record and record.supervisor.find() else None


def forget(services: Services) -> None:
    (services.directory / "services.json").unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive(services: Services) -> Iterator[None]:
    """One `up` or `down` at a time; the others wait."""
    services.directory.mkdir(parents=True, exist_ok=True)
    with (services.directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
