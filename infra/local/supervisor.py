"""The process behind `up`: honcho runs the servers and the worker together; when one ends, all end.

`python -m infra.local.supervisor` stays in the foreground; `up` starts it detached with its output in the log.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from honcho.manager import Manager
from honcho.printer import Printer

from infra.local.settings import LOOPBACK, WORK_POOL, Services, isolated

_WORKER_QUERY_S = 2  # the default of 10 s is a wait that a person feels


def commands(services: Services) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Command line and extra environment of each service, by name."""
    python = sys.executable
    database, artifacts = services.home / "mlflow" / "mlflow.db", services.home / "mlflow" / "artifacts"
    prefect = [python, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(services.prefect_port)]
    mlflow = [python, "-m", "mlflow", "server", "--host", LOOPBACK, "--port", str(services.mlflow_port)]
    mlflow += ["--workers", "1", "--backend-store-uri", f"sqlite:///{database}", "--serve-artifacts"]
    # A file root, so that a stage without the server (plain `dvc repro`) can write where the server reads.
    mlflow += ["--default-artifact-root", artifacts.as_uri(), "--artifacts-destination", artifacts.as_uri()]
    worker = [python, "-m", "infra.local.worker", "--pool", WORK_POOL, "--type", "process", "--name", "local"]
    return {
        "prefect": (prefect, {"PREFECT_UI_API_URL": f"{services.prefect_url}/api"}),
        # Its job queue (seven more processes) serves features that nothing here uses: 17 s to start with it, 5 without.
        "mlflow": (mlflow, {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}),
        "worker": (worker, {"PREFECT_WORKER_QUERY_SECONDS": str(_WORKER_QUERY_S)}),
    }


def main() -> int:
    services = Services.configured()
    (services.home / "mlflow" / "artifacts").mkdir(parents=True, exist_ok=True)
    manager = Manager(Printer(sys.stdout, colour=False))
    environment = isolated(services)
    # Programs named by a command (python in a job's command) must be this environment's.
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    for name, (command, extra) in commands(services).items():
        manager.add_process(name, "exec " + shlex.join(command), env=environment | extra, cwd=str(services.root))
    manager.loop()
    return int(manager.returncode or 0)


if __name__ == "__main__":
    sys.exit(main())
