"""Exit codes mean something, and every stage leaves one tracked run whose status tells how it ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
BODY = """
from components.params import BadInput
from components.stage import run_stage
from components.tracking import Interrupted
def body(context):
    context.progress.update(1, 2, "tokens", loss=0.5)
    context.tracker.log_metrics({{"loss": 0.5}}, tokens=64)
    {end}
run_stage("ingest", body)
"""


def run(tmp_path: Path, end: str, **environment: str) -> subprocess.CompletedProcess[str]:
    if not (tmp_path / "params.yaml").exists():
        (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    # MLflow hands its tracking URI on through the environment; another test's must not reach this process.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return subprocess.run(
        [sys.executable, "-c", BODY.format(end=end)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**inherited, "PYTHONPATH": str(ROOT), "TRIVIUM_HOME": str(tmp_path / "home"), **environment},
    )


def runs(tmp_path: Path) -> list[tuple[str, str]]:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'home' / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("trivium")
    found = client.search_runs([experiment.experiment_id])
    return [(one.info.status, one.data.tags["trivium.stage"]) for one in found]


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
