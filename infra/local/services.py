"""Starting and stopping the local services as one thing that is either up or down."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import time
from collections.abc import Callable

import httpx
import psutil

from components.core.files import write_text
from components.core.process import ProcessMark
from infra.local import prefect_api, record
from infra.local.health import is_healthy, refuse_taken_port
from infra.local.settings import MLFLOW_PORT_VARIABLE, PREFECT_PORT_VARIABLE, Services, isolated

OnLine = Callable[[str], None]

_START_PATIENCE_S = 240.0  # a cold start with a fresh database on two busy cores took 60 s
_CANCEL_PATIENCE_S = 60.0  # Prefect gives a flow 30 s to end
_STOP_PATIENCE_S = 15.0
_POLL_S = 0.2
_DEPLOYED_FROM = ("prefect.yaml", "dvc.yaml", "params.yaml", "presets/*.yaml", "infra/profiles/*.yaml", "flows/*.py")


class StartFailed(Exception):
    """The services did not come up; everything that had started is stopped again."""


def up(report: OnLine) -> Services:
    """Make sure the services run and the deployments are current; return where they are.

    Raises BadInput for a taken port, StartFailed with the end of the log when a service dies or never answers.
    """
    asked = Services.configured()
    with record.exclusive(asked):
        services = record.running(asked)
        if services:
            _wait_for_all(services, report)
            _deploy(services, report)
            return services
        refuse_taken_port(asked.prefect_port, PREFECT_PORT_VARIABLE)
        refuse_taken_port(asked.mlflow_port, MLFLOW_PORT_VARIABLE)
        try:
            started_s = _start(asked)
            _wait_for_all(asked, report)
            for name in prefect_api.declare_lost_runs(asked, started_s):
                report(f"run {name} was cut off; go on with `python -m flows resume {name}`")
            _deploy(asked, report)
            _wait(asked, "worker", lambda: _worker_is_online(asked), report)
            _remember_family(asked)
        except BaseException:
            _stop_processes(asked)
            raise
        return asked


def down(report: OnLine) -> bool:
    """Stop everything `up` started, runs first so that they save. Returns whether there was something to stop."""
    asked = Services.configured()
    with record.exclusive(asked):
        services = record.running(asked)
        if services and is_healthy(f"{services.prefect_url}/api/health"):
            try:
                prefect_api.cancel_active_runs(services, _CANCEL_PATIENCE_S, report)
            except httpx.HTTPError as error:
                report(f"Prefect does not answer ({error}); its runs are stopped by signal")
        return _stop_processes(asked)


def state(services: Services) -> dict[str, tuple[str, bool]]:
    """URL and health of each service."""
    prefect_up = is_healthy(f"{services.prefect_url}/api/health")
    return {
        "Prefect": (services.prefect_url, prefect_up),
        "MLflow": (services.mlflow_url, is_healthy(f"{services.mlflow_url}/health")),
        "worker": (f"{services.prefect_url}/work-pools", prefect_up and _worker_is_online(services)),
    }


def _start(services: Services) -> float:
    """Start the supervisor; returns when, as Unix time."""
    with services.log.open("w") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "infra.local.supervisor"],
            cwd=services.root,
            env=isolated(services) | _ports(services),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    mark = ProcessMark.of(psutil.Process(supervisor.pid))
    record.ServicesRecord(supervisor=mark, prefect_port=services.prefect_port, mlflow_port=services.mlflow_port).save(
        services
    )
    return mark.created_s


def _ports(services: Services) -> dict[str, str]:
    return {PREFECT_PORT_VARIABLE: str(services.prefect_port), MLFLOW_PORT_VARIABLE: str(services.mlflow_port)}


def _wait_for_all(services: Services, report: OnLine) -> None:
    _wait(services, "Prefect", lambda: is_healthy(f"{services.prefect_url}/api/health"), report)
    _wait(services, "MLflow", lambda: is_healthy(f"{services.mlflow_url}/health"), report)


def _wait(services: Services, name: str, ready: Callable[[], bool], report: OnLine) -> None:
    """Return once `ready`; a service that died ends the wait at once."""
    started_s = time.monotonic()
    reported_s = started_s
    while not ready():
        now_s = time.monotonic()
        if record.running(services) is None:
            raise StartFailed(f"{name} ended while starting; the end of {services.log}:\n{_log_tail(services)}")
        if now_s - started_s > _START_PATIENCE_S:
            raise StartFailed(
                f"{name} did not answer within {_START_PATIENCE_S:.0f} s; the end of {services.log}:\n"
                f"{_log_tail(services)}"
            )
        if now_s - reported_s > 5:
            reported_s = now_s
            report(f"waiting for {name} ({now_s - started_s:.0f} s)")
        time.sleep(_POLL_S)


def _worker_is_online(services: Services) -> bool:
    try:
        return prefect_api.worker_is_online(services)
    except httpx.HTTPError:  # the server ended or is too busy: `_wait` tells which
        return False


def _deploy(services: Services, report: OnLine) -> None:
    """Bring the deployments of prefect.yaml to the server, if they or what their form shows has changed."""
    digest = hashlib.sha256()
    for pattern in _DEPLOYED_FROM:
        for path in sorted(services.root.glob(pattern)):
            digest.update(path.read_bytes())
    stamp = services.home / "prefect" / "deployed.sha256"
    if stamp.is_file() and stamp.read_text() == digest.hexdigest():
        return
    report("deploying prefect.yaml")
    try:
        prefect_api.create_work_pool(services)
    except httpx.HTTPError as error:
        raise StartFailed(f"Prefect refused the work pool: {error}") from error
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=services.root,
        env=isolated(services) | {"PYTHONPATH": str(services.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StartFailed(f"prefect.yaml could not be deployed:\n{(done.stdout + done.stderr).strip()[-2000:]}")
    write_text(stamp, digest.hexdigest())


def _remember_family(services: Services) -> None:
    """Note every process below the supervisor, so that `down` finds them even if the supervisor was killed."""
    found = record.load(services)
    assert found is not None
    supervisor = found.supervisor.find()
    assert supervisor is not None
    family = tuple(ProcessMark.of(child) for child in supervisor.children(recursive=True))
    found.model_copy(update={"family": family}).save(services)


def _stop_processes(services: Services) -> bool:
    found = record.load(services)
    if found is None:
        return False
    marks = (found.supervisor, *found.family)
    if supervisor := found.supervisor.find():  # honcho stops the rest in order
        supervisor.terminate()
        with contextlib.suppress(psutil.TimeoutExpired):
            supervisor.wait(_STOP_PATIENCE_S)
    left = [process for mark in marks if (process := mark.find())]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=5)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)
    record.forget(services)
    return True


def _log_tail(services: Services) -> str:
    lines = services.log.read_text(errors="replace").splitlines() if services.log.is_file() else []
    return "\n".join(lines[-15:])
