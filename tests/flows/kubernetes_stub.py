"""A stub of the Kubernetes API that does what a cluster would: it takes a Job and really runs its container's program.

Only the calls the launcher makes are known. A Job that does not pass strict validation is refused, as a server would.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Pod:
    """One container's process and what it printed."""

    name: str
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)


@dataclass
class Cluster:
    """What the stub knows: Jobs as submitted, their pods, and every call it answered."""

    scratch: Path
    secret: dict[str, str]
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    submitted: list[dict[str, Any]] = field(default_factory=list)
    evict_next: bool = False

    def start(self, job: dict[str, Any]) -> None:
        container = job["spec"]["template"]["spec"]["containers"][0]
        program = container["command"][container["command"].index("--") + 1 :]
        assert program[0] == "python"
        process = subprocess.Popen(
            [sys.executable, *program[1:]],
            cwd=ROOT,
            env={
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
                "HOME": str(self.scratch),
                "TRIVIUM_WORKSPACE": str(self.scratch / "pods"),
                "DVC_NO_ANALYTICS": "1",
                **self.secret,
                **{one["name"]: one["value"] for one in container["env"]},
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        name = job["metadata"]["name"]
        pod = self.pods[name] = Pod(f"{name}-abcde", process)
        self.jobs[name] = job
        self.submitted.append(job)
        threading.Thread(target=self._read, args=(pod,), daemon=True).start()

    def _read(self, pod: Pod) -> None:
        assert pod.process.stdout is not None
        pod.lines.extend(iter(pod.process.stdout.readline, ""))

    def status(self, name: str) -> dict[str, Any]:
        code = self.pods[name].process.poll()
        if self.evict_next:
            conditions = [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "evicted"}]
        elif code is None:
            conditions = []
        else:
            conditions = [{"type": "Complete" if code == 0 else "Failed", "status": "True", "reason": "PodFailed"}]
        return self.jobs[name] | {"status": {"conditions": conditions}}

    def pod_list(self, name: str) -> dict[str, Any]:
        pod = self.pods.get(name)
        code = pod.process.poll() if pod and not self.evict_next else None
        state = {"running": {}} if code is None else {"terminated": {"exitCode": code}}
        items = [
            {
                "metadata": {"name": pod.name, "creationTimestamp": datetime.now(UTC).isoformat()},
                "status": {
                    "containerStatuses": [
                        {
                            "name": "stage",
                            "image": "x",
                            "imageID": "x",
                            "ready": True,
                            "restartCount": 0,
                            "state": state,
                        }
                    ]
                },
            }
            for pod in ([pod] if pod else [])
        ]
        return {"apiVersion": "v1", "kind": "PodList", "items": items}

    def delete(self, name: str) -> None:
        del self.jobs[name]
        process = self.pods[name].process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)


class Handler(BaseHTTPRequestHandler):
    cluster: Cluster

    def answer(self, body: object, code: int = 200) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def missing(self) -> None:
        self.answer({"kind": "Status", "status": "Failure", "code": 404}, 404)

    def job_name(self) -> str:
        found = re.search(r"/jobs/([^/?]+)", self.path)
        return found.group(1) if found else ""

    def do_POST(self) -> None:
        job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            kubernetes_validate.validate(job, "1.34", strict=True)
        except kubernetes_validate.ValidationError as error:
            self.answer({"kind": "Status", "message": str(error), "code": 422}, 422)
            return
        self.cluster.start(job)
        self.answer(job, 201)

    def do_GET(self) -> None:
        path = unquote(self.path)
        if "/log" in path:
            found = [pod for pod in self.cluster.pods.values() if f"/pods/{pod.name}/log" in path]
            self.answer("".join(found[0].lines))
        elif "/pods" in path:
            wanted = re.search(r"job-name=([^&]+)", path)
            self.answer(self.cluster.pod_list(wanted.group(1) if wanted else ""))
        elif self.job_name() in self.cluster.jobs:
            self.answer(self.cluster.status(self.job_name()))
        else:
            self.missing()

    def do_DELETE(self) -> None:
        if self.job_name() not in self.cluster.jobs:
            self.missing()
            return
        self.cluster.delete(self.job_name())
        self.answer({"kind": "Status", "status": "Success"})

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: pytest shows what matters."""


@contextmanager
def running_cluster(scratch: Path, secret: dict[str, str]) -> Iterator[tuple[Cluster, Path]]:
    """A stub on a free port, and a kubeconfig that points to it."""
    cluster = Cluster(scratch, secret)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"cluster": cluster}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kubeconfig = scratch / "kubeconfig"
    entry = {"server": f"http://127.0.0.1:{server.server_port}"}
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "stub",
                "clusters": [{"name": "stub", "cluster": entry}],
                "users": [{"name": "stub", "user": {}}],
                "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "stub"}}],
            }
        )
    )
    try:
        yield cluster, kubeconfig
    finally:
        server.shutdown()
        server.server_close()
        for pod in cluster.pods.values():
            pod.process.kill()
            pod.process.wait()
