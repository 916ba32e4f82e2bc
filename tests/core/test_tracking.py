"""Stages that start at the same moment and read the same data are tracked side by side."""

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from components.core.dvc.graph import StageIdentity
from components.core.tracking import EXPERIMENT, _log_inputs, connect

STAGES = 3
INPUTS = {f"data/{number}": f"{number:032x}.dir" for number in range(12)}


def _track(together: Barrier) -> None:
    """One stage: opens a run and records its inputs, each of them when the others do."""
    connect()
    import mlflow

    with mlflow.start_run():
        for path, digest in INPUTS.items():
            together.wait(timeout=60)
            _log_inputs(StageIdentity(key="", inputs={path: digest}))


def test_stages_that_read_the_same_data_at_the_same_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIVIUM_HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # MLflow sets it; another test must not inherit that
    connect()  # the database is there before the first stage, as it is where a server runs
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(STAGES)
    stages = [context.Process(target=_track, args=(together,)) for _ in range(STAGES)]
    for stage in stages:
        stage.start()
    for stage in stages:
        stage.join(timeout=180)
    assert [stage.exitcode for stage in stages] == [0] * STAGES

    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    recorded = [
        {one.dataset.name: one.dataset.digest for one in run.inputs.dataset_inputs} for run in runs if run.inputs
    ]
    assert recorded == [INPUTS] * STAGES
