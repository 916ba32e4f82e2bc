"""The few calls to the Prefect server that starting and stopping need, over HTTP: importing Prefect takes longer."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from components.core.retries import TransientFault, call_with_retries
from infra.local.settings import WORK_POOL, Services

_BUSY = (500, 503)
_BUSY_PATIENCE_S = 20.0
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 1.0
_ACTIVE = ["RUNNING", "PENDING", "PAUSED", "CANCELLING"]


def create_work_pool(services: Services) -> None:
    """Make the work pool; the worker fills in its job template. One that exists is left as it is."""
    _post(services, "work_pools/", {"name": WORK_POOL, "type": "process"}, also=(409,))


def worker_is_online(services: Services) -> bool:
    workers = _post(services, f"work_pools/{WORK_POOL}/workers/filter", {}, also=(404,))
    return isinstance(workers, list) and any(worker["status"] == "ONLINE" for worker in workers)


def cancel_active_runs(services: Services, patience_s: float, report: Callable[[str], None]) -> None:
    """Ask every active flow run to stop, so that training saves its work, and wait until they have."""
    asked: set[str] = set()
    deadline_s = time.monotonic() + patience_s
    while active := _active_runs(services):
        for run in active:
            if run["id"] not in asked:
                asked.add(run["id"])
                report(f"stopping run {run['name']} (it saves its work; resume with `python -m flows resume`)")
                state = {"type": "CANCELLING", "name": "Cancelling", "message": "the services are going down"}
                _post(services, f"flow_runs/{run['id']}/set_state", {"state": state})
        if time.monotonic() > deadline_s:
            report(f"{len(active)} run(s) did not stop within {patience_s:.0f} s; their processes are killed")
            return
        time.sleep(0.5)


def declare_lost_runs(services: Services, before_s: float) -> list[str]:
    """Call runs crashed that were under way before `before_s` (Unix time), when their worker cannot live any more.

    Prefect would show them as running for ever, and nobody could resume them. Returns their names.
    """
    moment = datetime.fromtimestamp(before_s, UTC).isoformat()
    wanted = {"state": {"type": {"any_": ["RUNNING", "CANCELLING"]}}, "start_time": {"before_": moment}}
    lost = _post(services, "flow_runs/filter", {"flow_runs": wanted})
    for run in lost:
        state = {"type": "CRASHED", "name": "Crashed", "message": "the services ended while it ran; resume it"}
        _post(services, f"flow_runs/{run['id']}/set_state", {"state": state, "force": True})
    return [str(run["name"]) for run in lost]


def _active_runs(services: Services) -> list[dict[str, Any]]:
    runs = _post(services, "flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": _ACTIVE}}}})
    assert isinstance(runs, list)
    return runs


def _post(services: Services, path: str, body: dict[str, Any], also: tuple[int, ...] = ()) -> Any:
    """The decoded answer, of a success or a status in `also`. Raises httpx.HTTPError.

    A busy server (SQLite locked for a moment) is asked again.
    """

    def send() -> Any:
        answer = httpx.post(f"{services.prefect_url}/api/{path}", json=body, timeout=20)
        if answer.status_code in _BUSY:
            raise TransientFault(f"status {answer.status_code} from {answer.url}")
        return (answer if answer.status_code in also else answer.raise_for_status()).json()

    return call_with_retries(
        send, timeout_s=_BUSY_PATIENCE_S, first_wait_s=_FIRST_WAIT_S, longest_wait_s=_LONGEST_WAIT_S
    )
