"""The local services as a person meets them: up, status, a taken port, a supervisor that was killed, down."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from ports import free_ports

from components.core.errors import BadInput
from components.core.process import ProcessMark
from infra.local import record
from infra.local.health import is_healthy, refuse_taken_port
from infra.local.settings import QUIET, Services, isolated

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield int(holder.getsockname()[1])


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with what the services need: the flows that prefect.yaml deploys and the graph they read."""
    root = tmp_path_factory.mktemp("services") / "clone"
    ignored = shutil.ignore_patterns("__pycache__", "*.zst")
    for package in ("flows", "components", "infra", "presets"):
        shutil.copytree(ROOT / package, root / package, ignore=ignored)
    for name in ("prefect.yaml", "dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, root)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


def run(clone: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "TRIVIUM"))}
    # A user's own Prefect settings, which must neither be used nor touched.
    inherited |= {"HOME": str(clone.parent), "PREFECT_API_URL": "http://127.0.0.1:1/api", "PREFECT_API_KEY": "mine"}
    return subprocess.run(
        [sys.executable, "-m", "infra.local", *arguments],
        cwd=clone,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_taken_port_is_named_with_its_remedy_and_nothing_stays(clone: Path, taken_port: int) -> None:
    (free,) = free_ports(1)
    done = run(clone, "up", TRIVIUM_PREFECT_PORT=str(free), TRIVIUM_MLFLOW_PORT=str(taken_port))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"port {taken_port} is in use by process {os.getpid()}" in line
    assert "TRIVIUM_MLFLOW_PORT=<port>" in line
    assert not (clone / ".trivium" / "services" / "services.json").exists()
    assert run(clone, "status").returncode == 1


def test_up_serves_both_and_down_leaves_nobody_even_without_the_supervisor(clone: Path) -> None:
    prefect_port, mlflow_port = free_ports(2)
    done = run(clone, "up", TRIVIUM_PREFECT_PORT=str(prefect_port), TRIVIUM_MLFLOW_PORT=str(mlflow_port))
    assert done.returncode == 0, done.stderr
    services = Services(home=clone / ".trivium", root=clone, prefect_port=prefect_port, mlflow_port=mlflow_port)
    status = run(clone, "status")  # without the variables: it finds the ports that were chosen
    assert status.returncode == 0 and services.mlflow_url in status.stdout
    _artifacts_are_served(clone, services)
    assert not (clone.parent / ".prefect").exists()  # HOME of the user

    found = record.load(services)
    assert found is not None and len(found.family) > 3
    supervisor = found.supervisor.find()
    assert supervisor is not None
    supervisor.kill()
    supervisor.wait(10)
    assert is_healthy(f"{services.mlflow_url}/health")  # its children live on ...
    assert run(clone, "down").returncode == 0
    assert not any(mark.find() for mark in found.family)  # ... until now
    for port in (services.prefect_port, services.mlflow_port):
        refuse_taken_port(port, "PORT")
    assert (services.home / "mlflow" / "mlflow.db").exists()
    assert "not running" in run(clone, "down").stdout


def _artifacts_are_served(clone: Path, services: Services) -> None:
    """A stage writes artifacts with the server or past it; the server shows both."""
    program = (
        "import mlflow; from components.core.tracking import connect; connect()\n"
        "with mlflow.start_run() as run:\n"
        "    mlflow.log_text('hello', 'notes/a.txt')\n"
        "print('run', run.info.run_id)"
    )
    for uri in (services.mlflow_url, ""):
        environment = {**os.environ, **QUIET, "MLFLOW_TRACKING_URI": uri, "TRIVIUM_HOME": str(services.home)}
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=clone, env=environment, capture_output=True, text=True, check=True
        )
        run_id = done.stdout.split()[-1]
        answer = httpx.get(f"{services.mlflow_url}/get-artifact", params={"run_id": run_id, "path": "notes/a.txt"})
        assert answer.text == "hello"


def test_a_taken_port_is_refused_and_a_free_one_is_not(taken_port: int) -> None:
    with pytest.raises(BadInput, match=f"WHERE = {taken_port}.*WHERE=<port>"):
        refuse_taken_port(taken_port, "WHERE")
    (free,) = free_ports(1)
    refuse_taken_port(free, "WHERE")


@pytest.mark.parametrize("wrong", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(BadInput, match="TRIVIUM_PREFECT_PORT"):
        Services.configured({"TRIVIUM_PREFECT_PORT": wrong})


def test_one_port_cannot_serve_both() -> None:
    with pytest.raises(BadInput, match="Prefect's port already"):
        Services.configured({"TRIVIUM_PREFECT_PORT": "5000"})


def test_the_users_prefect_settings_do_not_leak_in(tmp_path: Path) -> None:
    services = Services(home=tmp_path, root=tmp_path, prefect_port=1, mlflow_port=2)
    environment = isolated(services, {"PREFECT_API_KEY": "k", "PREFECT_PROFILE": "work", "PATH": "p"})
    assert environment["PATH"] == "p" and "PREFECT_API_KEY" not in environment and "PREFECT_PROFILE" not in environment
    assert environment["PREFECT_HOME"].startswith(str(tmp_path))
    assert environment.items() >= QUIET.items()


def test_a_process_number_used_again_is_another_process() -> None:
    mark = ProcessMark.of(psutil.Process())
    assert mark.find() is not None
    assert mark.model_copy(update={"created_s": mark.created_s - 1}).find() is None
