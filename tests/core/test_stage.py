"""Exit codes mean something, and every stage leaves one tracked run whose status tells how it ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
import yaml
from mlflow.entities import Run

ROOT = Path(__file__).resolve().parents[2]
BODY = """
from components.core.errors import BadInput, Interrupted
from components.core.stage import run_stage
with run_stage("ingest") as context:
    context.progress.update(1, 2, "tokens", loss=0.5)
    context.tracker.log_metrics({{"loss": 0.5}}, tokens=64)
    {end}
"""
KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def inherited(tmp_path: Path) -> dict[str, str]:
    """MLflow hands its tracking URI on through the environment; another test's must not reach a program."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return kept | {"PYTHONPATH": str(ROOT), "TRIVIUM_HOME": str(tmp_path / "home")}


def run(tmp_path: Path, end: str, **environment: str) -> subprocess.CompletedProcess[str]:
    if not (tmp_path / "params.yaml").exists():
        (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    return subprocess.run(
        [sys.executable, "-c", BODY.format(end=end)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=inherited(tmp_path) | environment,
    )


def tracked(tmp_path: Path) -> list[Run]:
    """All tracked runs, the newest first."""
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'home' / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("trivium")
    assert experiment is not None
    return client.search_runs([experiment.experiment_id])


def runs(tmp_path: Path) -> list[tuple[str, str]]:
    return [(one.info.status, one.data.tags["trivium.stage"]) for one in tracked(tmp_path)]


@pytest.mark.parametrize(
    ("end", "code", "status", "says"),
    [
        ("pass", 0, "FINISHED", ""),
        ('raise BadInput("corpus.sources = 7: choose")', 2, "FAILED", "ingest: corpus.sources = 7: choose"),
        ('raise Interrupted("saved at 64 tokens")', 75, "KILLED", "ingest: saved at 64 tokens"),
        ("import errno; raise OSError(errno.ENOSPC, 'x', 'data/raw')", 2, "FAILED", "data/raw: no space left"),
        ('raise RuntimeError("a defect")', 1, "FAILED", "a defect"),
    ],
)
def test_ends(tmp_path: Path, end: str, code: int, status: str, says: str) -> None:
    done = run(tmp_path, end)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert ("Traceback" in done.stderr) == (code == 1)
    assert runs(tmp_path) == [(status, "ingest")]


def test_the_next_run_of_a_stage_closes_what_a_killed_process_left_and_no_other(tmp_path: Path) -> None:
    meanwhile = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BODY.format(end='pass')!r}], check=True)"
    )
    assert run(tmp_path, f"{meanwhile}; {KILL}").returncode == -signal.SIGKILL
    assert runs(tmp_path) == [("FINISHED", "ingest"), ("RUNNING", "ingest")]  # it still lived; now nobody closes it
    assert run(tmp_path, "pass").returncode == 0
    assert [status for status, _ in runs(tmp_path)] == ["FINISHED", "FINISHED", "KILLED"]


def test_the_same_work_goes_on_in_the_run_of_the_process_that_was_killed(tmp_path: Path) -> None:
    stage = {"cmd": f"{sys.executable} body.py", "deps": ["params.yaml"], "outs": ["done"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"ingest": stage}}))
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    command = [sys.executable, "-m", "dvc"]
    environment = inherited(tmp_path) | {"DVC_NO_ANALYTICS": "1"}
    subprocess.run([*command, "init", "-q", "--no-scm"], cwd=tmp_path, env=environment, check=True)
    for end, code in ((KILL, 255), ("open('done', 'w').close()", 0)):
        (tmp_path / "body.py").write_text(BODY.format(end=end))
        done = subprocess.run([*command, "repro"], cwd=tmp_path, env=environment, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
    (only,) = tracked(tmp_path)
    assert only.info.status == "FINISHED" and only.data.params["preset"] == "nano" and "loss" in only.data.metrics


def test_bad_parameters_end_before_anything_is_tracked(tmp_path: Path) -> None:
    tree = yaml.safe_load((ROOT / "params.yaml").read_text())
    tree["corpuss"] = tree.pop("corpus")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree))
    done = run(tmp_path, "pass")
    assert done.returncode == 2
    assert "did you mean 'corpus'" in done.stderr
    assert not (tmp_path / "home").exists()


def test_progress_file_holds_the_last_report(tmp_path: Path) -> None:
    watched = tmp_path / "progress.json"
    done = run(tmp_path, "context.progress.update(2, 2, 'tokens')", TRIVIUM_PROGRESS_FILE=str(watched))
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(watched.read_text())["done"] == 2


def test_an_unreachable_server_is_bad_input(tmp_path: Path) -> None:
    done = run(tmp_path, "pass", MLFLOW_TRACKING_URI="http://127.0.0.1:9", MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    assert done.returncode == 2, done.stderr
    assert "MLFLOW_TRACKING_URI" in done.stderr
