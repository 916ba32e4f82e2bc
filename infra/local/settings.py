"""Where the local services listen and keep their data, and the environment that makes programs talk to them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.core.errors import BadInput
from components.core.paths import home, repository_root

WORK_POOL = "trivium"
PREFECT_PORT_VARIABLE = "TRIVIUM_PREFECT_PORT"
MLFLOW_PORT_VARIABLE = "TRIVIUM_MLFLOW_PORT"
ROOT_VARIABLE = "TRIVIUM_ROOT"  # prefect.yaml names it, so that no path of a machine is committed
LOOPBACK = "127.0.0.1"

QUIET = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
"""Nothing phones home."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """One set of local services."""

    prefect_port: int
    mlflow_port: int
    home: Path
    root: Path

    @classmethod
    def configured(cls, environment: Mapping[str, str] = os.environ) -> Services:
        """As the environment asks, else the usual ports. Raises BadInput for a port that is none."""
        ports = {
            "prefect_port": _port(environment, PREFECT_PORT_VARIABLE, 4200),
            "mlflow_port": _port(environment, MLFLOW_PORT_VARIABLE, 5000),
        }
        if ports["prefect_port"] == ports["mlflow_port"]:
            raise BadInput(f"{MLFLOW_PORT_VARIABLE} = {ports['mlflow_port']}: Prefect's port already; choose another")
        return cls(home=home().resolve(), root=repository_root().resolve(), **ports)

    @property
    def prefect_url(self) -> str:
        return f"http://{LOOPBACK}:{self.prefect_port}"

    @property
    def mlflow_url(self) -> str:
        return f"http://{LOOPBACK}:{self.mlflow_port}"

    @property
    def directory(self) -> Path:
        """State and logs of the services themselves."""
        return self.home / "services"

    @property
    def log(self) -> Path:
        return self.directory / "services.log"

    def client_environment(self) -> dict[str, str]:
        """What a program needs to reach these services and nothing else."""
        return {
            **QUIET,
            "PREFECT_HOME": str(self.home / "prefect"),
            "PREFECT_API_URL": f"{self.prefect_url}/api",
            # SQLite answers a burst of writes on a busy machine with "database is locked" (500) now and then.
            "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
            "MLFLOW_TRACKING_URI": self.mlflow_url,
            "TRIVIUM_HOME": str(self.home),
            ROOT_VARIABLE: str(self.root),
        }


def isolated(services: Services, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`environment` with every Prefect setting of the user replaced by ours.

    A PREFECT_API_KEY or a profile meant for another server would otherwise win and end in 401.
    """
    kept = {name: value for name, value in environment.items() if not name.startswith("PREFECT_")}
    return kept | services.client_environment()


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise BadInput(f"{name} = {text!r}: not a port; choose a free one between 1024 and 65535")
    return int(text)
