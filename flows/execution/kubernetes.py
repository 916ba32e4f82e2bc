"""Stages as Kubernetes Jobs: rendered from one manifest, submitted, followed and cleaned up.

The DVC remote is the exchange. The workspace and the stage's inputs are pushed there, the pod (flows/execution/pod.py)
runs the one stage and pushes its outputs with the run cache, and `dvc repro --pull` restores them here without running.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from components.core.dvc.graph import pull_run_cache, read_graph
from components.core.errors import BadInput
from flows.execution import snapshot
from flows.execution.base import OnLine, OnProgress, StageRequest, StageResult, StageStatus, judge
from flows.execution.pod import GRACE_VARIABLE, PROGRESS_PREFIX, REMOTE_VARIABLE, SNAPSHOT_VARIABLE, STAGE_VARIABLE
from flows.execution.profile import KubernetesProfile

MANIFEST = Path(__file__).parents[2] / "infra" / "kubernetes" / "stage-job.yaml"
STAGE_LABEL, RUN_LABEL, QUEUE_LABEL = "trivium.dev/stage", "trivium.dev/run", "kueue.x-k8s.io/queue-name"
_KEPT_LINES = 60
_GONE = 404
_KILL_MARGIN_S = 5  # between the stage's grace and the kubelet's SIGKILL


def render_job(profile: KubernetesProfile, request: StageRequest, snapshot_url: str) -> dict[str, Any]:
    """The Job of one stage, as it is submitted."""
    job: dict[str, Any] = copy.deepcopy(yaml.safe_load(MANIFEST.read_text(encoding="utf-8")))
    labels = {
        "app.kubernetes.io/part-of": "trivium",
        "app.kubernetes.io/component": "stage",
        STAGE_LABEL: _label(request.stage),
        RUN_LABEL: _label(request.run_name),
    }
    unique = hashlib.sha256(f"{request.run_name} {request.stage} {time.time_ns()}".encode()).hexdigest()[:8]
    name = _label(f"{request.run_name}-{request.stage}".lower().replace("_", "-").replace(".", "-"))[:50]
    job["metadata"] = {"name": f"{name}-{unique}", "namespace": profile.namespace, "labels": dict(labels)}
    if profile.queue:
        job["metadata"]["labels"][QUEUE_LABEL] = profile.queue
    job["spec"]["activeDeadlineSeconds"] = int(request.timeout_s)
    pod = job["spec"]["template"]
    pod["metadata"]["labels"] = dict(labels)
    pool = profile.pool(request.stage)
    pod["spec"]["terminationGracePeriodSeconds"] = int(profile.grace_s)
    pod["spec"] |= {"nodeSelector": pool.node_selector} if pool.node_selector else {}
    pod["spec"] |= {"tolerations": pool.tolerations} if pool.tolerations else {}
    if profile.workspace_claim:
        pod["spec"]["volumes"][0] = {
            "name": "workspace",
            "persistentVolumeClaim": {"claimName": profile.workspace_claim},
        }
    container = pod["spec"]["containers"][0]
    container["image"] = profile.image
    container["resources"] = {"requests": dict(pool.requests)} | ({"limits": dict(pool.limits)} if pool.limits else {})
    variables = {
        **request.environment,
        STAGE_VARIABLE: request.stage,
        SNAPSHOT_VARIABLE: snapshot_url,
        REMOTE_VARIABLE: profile.remote,
        GRACE_VARIABLE: f"{max(profile.grace_s - _KILL_MARGIN_S, 1):g}",
    }
    container["env"] = [{"name": key, "value": value} for key, value in sorted(variables.items())]
    return job


class KubernetesExecutor:
    """Runs each stage as a Job and brings its outputs back."""

    def __init__(self, profile: KubernetesProfile) -> None:
        self._profile = profile
        try:
            named = os.environ.get("KUBECONFIG")  # read now: the library reads it once, when it is imported
            config.load_config(**({"config_file": named} if named else {}))
        except (ConfigException, OSError) as error:
            raise BadInput(
                f"profile kubernetes: no cluster to talk to ({error}); set KUBECONFIG, or use the profile `local`"
            ) from error
        self._jobs, self._pods = client.BatchV1Api(), client.CoreV1Api()
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._running: set[str] = set()

    def run(self, request: StageRequest, on_progress: OnProgress, on_line: OnLine) -> StageResult:
        started_s = time.monotonic()

        def ended(status: StageStatus, message: str = "") -> StageResult:
            return StageResult(status=status, seconds=time.monotonic() - started_s, message=message)

        pushed = self._push_inputs(request)
        if pushed:
            return ended(StageStatus.FAILED, pushed)
        url = snapshot.upload(snapshot.pack(request.workspace), self._profile.remote)
        job = render_job(self._profile, request, url)
        name: str = job["metadata"]["name"]
        with self._lock:
            if self._cancelled.is_set():
                return ended(StageStatus.CANCELLED, "cancelled before it started")
            self._jobs.create_namespaced_job(self._profile.namespace, job)  # type: ignore[arg-type]  # a mapping serves
            self._running.add(name)
        try:
            status, message = self._follow(name, request, on_progress, on_line)
        finally:
            with self._lock:
                self._running.discard(name)
            self._delete(name)
        if status is not StageStatus.DONE:
            return ended(status, message)
        if not pull_run_cache(request.stage, request.workspace):
            return ended(
                StageStatus.FAILED, f"the pod ended well but {self._profile.remote} has no run-cache entry of it"
            )
        restored = self._dvc(request, "--wait-for-lock", "repro", "--single-item", "--pull", request.stage)
        return ended(*judge(request.stage, restored.returncode, restored.stdout.splitlines()))

    def cancel(self) -> None:
        with self._lock:
            self._cancelled.set()
            running = list(self._running)
        for name in running:
            self._delete(name)
        deadline_s = time.monotonic() + self._profile.grace_s
        while self._running and time.monotonic() < deadline_s:
            time.sleep(0.2)

    def _push_inputs(self, request: StageRequest) -> str:
        """Make the exchange the workspace's remote and push what the stage reads; what went wrong, or nothing."""
        with self._lock:
            self._dvc(request, "remote", "add", "--local", "--default", "--force", "exchange", self._profile.remote)
        upstream = read_graph(request.workspace)[request.stage].upstream
        if not upstream:
            return ""
        done = self._dvc(request, "--wait-for-lock", "push", "--quiet", *upstream)
        return (
            ""
            if done.returncode == 0
            else f"inputs could not be pushed to {self._profile.remote}: {done.stdout[-500:]}"
        )

    def _dvc(self, request: StageRequest, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=request.workspace,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def _follow(
        self, job: str, request: StageRequest, on_progress: OnProgress, on_line: OnLine
    ) -> tuple[StageStatus, str]:
        """Wait for the Job's end, reporting on the way."""
        lines: deque[str] = deque(maxlen=_KEPT_LINES)
        read: dict[str, int] = {}
        while True:
            try:
                state = self._jobs.read_namespaced_job_status(job, self._profile.namespace)
                self._read_logs(job, read, lines, on_progress, on_line)
            except ApiException as error:
                if error.status != _GONE:
                    raise
                if self._cancelled.is_set():
                    return StageStatus.CANCELLED, "told to stop"
                return StageStatus.LOST, f"job {job} vanished from the cluster"
            conditions = state.status.conditions if state.status else None
            ends = {one.type: one for one in conditions or [] if one.status == "True"}
            if "Complete" in ends:
                return StageStatus.DONE, ""
            if "Failed" in ends:
                if ends["Failed"].reason == "DeadlineExceeded":
                    return (
                        StageStatus.TIMED_OUT,
                        f"ran longer than {request.timeout_s:g} s; raise timeouts_s in its profile",
                    )
                code = self._exit_code(job)
                if code is None:
                    return StageStatus.LOST, ends["Failed"].message or "its pods were lost"
                return judge(request.stage, code, list(lines))
            time.sleep(self._profile.poll_s)

    def _read_logs(
        self, job: str, read: dict[str, int], lines: deque[str], on_progress: OnProgress, on_line: OnLine
    ) -> None:
        """Hand on what the Job's pods printed since the last call; `read` counts lines by pod."""
        for pod in self._pods_of(job):
            name = pod.metadata.name
            with contextlib.suppress(ApiException, HTTPError):  # the container does not run yet; ask again next time
                text = self._pods.read_namespaced_pod_log(name, self._profile.namespace) or ""
                for line in text.splitlines()[read.get(name, 0) :]:
                    read[name] = read.get(name, 0) + 1
                    if line.startswith(PROGRESS_PREFIX):
                        on_progress(json.loads(line.removeprefix(PROGRESS_PREFIX)))
                    else:
                        lines.append(line)
                        on_line(line)

    def _exit_code(self, job: str) -> int | None:
        """Exit code of the newest pod's container; None if no pod is left or none ended by itself."""
        for pod in reversed(self._pods_of(job)):
            for container in pod.status.container_statuses or []:
                if container.state and container.state.terminated:
                    return int(container.state.terminated.exit_code)
        return None

    def _pods_of(self, job: str) -> list[Any]:
        found = self._pods.list_namespaced_pod(self._profile.namespace, label_selector=f"job-name={job}")
        return sorted(found.items, key=lambda pod: str(pod.metadata.creation_timestamp))

    def _delete(self, job: str) -> None:
        try:
            self._jobs.delete_namespaced_job(job, self._profile.namespace, propagation_policy="Foreground")
        except ApiException as error:
            if error.status != _GONE:
                raise


def _label(text: str) -> str:
    """`text` as a label value: at most 63 of letters, digits, - and ."""
    return re.sub(r"[^A-Za-z0-9.-]", "-", text)[:63].strip("-.")
