"""The cluster side of the execution seam: real pod programs, a real object store, a stub in place of the API alone."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kubernetes_stub import Cluster, running_cluster

from components.core.errors import BadInput
from flows.execution import snapshot
from flows.execution.base import StageRequest, StageStatus
from flows.execution.kubernetes import KubernetesExecutor, render_job
from flows.execution.profile import KubernetesProfile, load_profile

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = """
stages:
  first:
    cmd: python work.py first
    deps: [work.py]
    params: [a]
    outs: [first.txt]
  second:
    cmd: python work.py second
    deps: [work.py, first.txt]
    params: [b]
    outs: [second.txt]
"""
WORK = """
import json, os, signal, sys, time
from pathlib import Path
import yaml
name, params = sys.argv[1], yaml.safe_load(open("params.yaml"))
ran = Path(os.environ["RAN"])
ran.write_text((ran.read_text() if ran.exists() else "") + name + "\\n")
if name == "first":
    Path("first.txt").write_text(f"a = {params['a']}\\n")
    sys.exit(0)
state = {"stage": name, "done": 1, "total": 2, "unit": "steps"}
Path(os.environ["TRIVIUM_PROGRESS_FILE"]).write_text(json.dumps(state))
time.sleep(1)
if params["b"] < 0:
    print("second: b = -1: must not be negative", file=sys.stderr)
    sys.exit(2)
if params["b"] == 75:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
    time.sleep(60)
Path("second.txt").write_text(Path("first.txt").read_text() + f"b = {params['b']}\\n")
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "workspace"
    root.mkdir()
    for name, text in {"dvc.yaml": PIPELINE, "work.py": WORK, "params.yaml": "a: 1\nb: 2\n"}.items():
        (root / name).write_text(text)
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    dvc = [sys.executable, "-m", "dvc"]
    for command in (["git", "init", "-q"], [*dvc, "init", "-q"], ["git", "add", "-A"], [*dvc, "repro", "-q", "first"]):
        subprocess.run(command, cwd=root, check=True)
    return root


@pytest.fixture
def profile(s3_server: Any, tmp_path: Path) -> KubernetesProfile:
    shipped = load_profile("kubernetes")
    assert isinstance(shipped, KubernetesProfile)
    return shipped.model_copy(
        update={"remote": f"s3://{s3_server.bucket}/{tmp_path.name}", "poll_s": 0.3, "grace_s": 20}
    )


@pytest.fixture
def cluster(tmp_path: Path, s3_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    with running_cluster(tmp_path, s3_server.environment) as (stub, kubeconfig):
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        yield stub


def request_for(workspace: Path, stage: str = "second", timeout_s: float = 120) -> StageRequest:
    environment = {"RAN": os.environ["RAN"], "TRIVIUM_RUN_NAME": "brave-otter"}
    return StageRequest(
        stage=stage, workspace=workspace, run_name="brave-otter", environment=environment, timeout_s=timeout_s
    )


def test_a_stage_runs_once_there_and_its_outputs_come_back(
    workspace: Path, cluster: Cluster, profile: KubernetesProfile
) -> None:
    progress: list[Any] = []
    result = KubernetesExecutor(profile).run(request_for(workspace), progress.append, lambda line: None)
    assert (result.status, result.message) == (StageStatus.DONE, "")
    assert (workspace / "second.txt").read_text() == "a = 1\nb = 2\n"
    assert Path(os.environ["RAN"]).read_text().split() == ["first", "second"]  # restored here, not run again
    assert progress[0] == {"stage": "second", "done": 1, "total": 2, "unit": "steps"}
    status = subprocess.run([sys.executable, "-m", "dvc", "status"], cwd=workspace, capture_output=True, text=True)
    assert "up to date" in status.stdout
    assert not cluster.jobs  # cleaned up


def test_bad_input_there_is_bad_input_here(workspace: Path, cluster: Cluster, profile: KubernetesProfile) -> None:
    (workspace / "params.yaml").write_text("a: 1\nb: -1\n")
    result = KubernetesExecutor(profile).run(request_for(workspace), lambda _: None, lambda _: None)
    assert (result.status, result.message) == (StageStatus.BAD_INPUT, "b = -1: must not be negative")
    assert not cluster.jobs
    assert not (workspace / "second.txt").exists()


def test_cancel_deletes_the_job_and_the_pod_gets_its_signal(
    workspace: Path, cluster: Cluster, profile: KubernetesProfile
) -> None:
    (workspace / "params.yaml").write_text("a: 1\nb: 75\n")
    executor = KubernetesExecutor(profile)
    started = threading.Event()
    results: list[Any] = []
    thread = threading.Thread(
        target=lambda: results.append(executor.run(request_for(workspace), lambda _: started.set(), lambda _: None))
    )
    thread.start()
    assert started.wait(60)
    time.sleep(1.5)
    executor.cancel()
    thread.join(60)
    assert results[0].status is StageStatus.CANCELLED
    (pod,) = cluster.pods.values()
    assert pod.process.wait(30) == 75  # the stage saved and said so; the pod exits as it did
    assert not cluster.jobs


def test_a_lost_pod_is_an_infrastructure_fault(workspace: Path, cluster: Cluster, profile: KubernetesProfile) -> None:
    cluster.evict_next = True
    result = KubernetesExecutor(profile).run(request_for(workspace), lambda _: None, lambda _: None)
    assert (result.status, result.message) == (StageStatus.LOST, "evicted")


@pytest.mark.parametrize("stage", ["ingest", "pretrain@agentic", "evaluate@stem"])
@pytest.mark.parametrize("claim", ["", "scratch"])
def test_rendered_jobs_are_valid(stage: str, claim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAN", "x")
    profile = load_profile("kubernetes")
    assert isinstance(profile, KubernetesProfile)
    profile = profile.model_copy(update={"queue": "gpus", "workspace_claim": claim})
    job = render_job(profile, request_for(tmp_path, stage), "s3://bucket/workspaces/0.tar.gz")
    kubernetes_validate.validate(job, "1.34", strict=True)
    pod = job["spec"]["template"]["spec"]
    assert ("nvidia.com/gpu" in pod["containers"][0]["resources"]["requests"]) == (stage != "ingest")
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert len(job["metadata"]["name"]) <= 63
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"]
    assert ("persistentVolumeClaim" in pod["volumes"][0]) == bool(claim)


@pytest.mark.parametrize("path", sorted((ROOT / "infra" / "kubernetes").rglob("*.yaml")), ids=lambda path: path.name)
def test_manifests_are_valid(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        if document["kind"] != "Kustomization":
            kubernetes_validate.validate(document, "1.34", strict=True)


def test_no_cluster_is_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    profile = load_profile("kubernetes")
    assert isinstance(profile, KubernetesProfile)
    with pytest.raises(BadInput, match="KUBECONFIG"):
        KubernetesExecutor(profile)


def test_snapshots_are_deterministic_and_verified(workspace: Path, tmp_path: Path) -> None:
    (workspace / "untracked.txt").write_text("carried over")
    first = snapshot.pack(workspace)
    os.utime(workspace / "work.py", (1, 1))
    assert snapshot.pack(workspace) == first
    url = snapshot.upload(first, str(tmp_path / "bucket"))
    snapshot.unpack(url, tmp_path / "there")
    assert (tmp_path / "there" / "untracked.txt").read_text() == "carried over"
    assert not (tmp_path / "there" / "first.txt").exists()  # data travels through the DVC remote
    Path(url).write_bytes(first[:-9])
    with pytest.raises(BadInput, match="corrupt"):
        snapshot.unpack(url, tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="no such workspace snapshot"):
        snapshot.unpack(str(tmp_path / "bucket" / "workspaces" / "0.tar.gz"), tmp_path / "elsewhere")
