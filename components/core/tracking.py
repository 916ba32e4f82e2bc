"""MLflow as every stage uses it: one run per stage, a child of the flow's run where there is one.

The flow names its parent run in MLFLOW_PARENT_RUN_ID; plain `dvc repro` has none and logs just as well. Without
MLFLOW_TRACKING_URI runs go to the SQLite file that the local MLflow server serves, so nothing has to be up.
A run carries the tag `trivium.identity`, DVC's run-cache key of the work: whoever skips that work finds its run by it.
It also names its process: of a run that was never closed, that tells the one at work from the one that is lost.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from components.core.dvc.graph import StageIdentity, identify
from components.core.errors import BadInput, Interrupted
from components.core.params import Params
from components.core.paths import home
from components.core.process import ProcessMark

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "trivium"
PARENT_VARIABLE = "MLFLOW_PARENT_RUN_ID"
FLOW_RUN_VARIABLE = "TRIVIUM_RUN_NAME"
IDENTITY_TAG = "trivium.identity"
STAGE_TAG = "trivium.stage"
HOST_TAG = "trivium.host"
PROCESS_TAG = "trivium.process"
FLOW_RUN_TAG = "trivium.run"
_DATA_ROOTS = ("data/", "checkpoints/", "artifacts/", "metrics/")


def tracking_uri() -> str:
    """The server named by MLFLOW_TRACKING_URI, else the local server's own database."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home() / 'mlflow' / 'mlflow.db'}"


def connect() -> MlflowClient:
    """A client on `tracking_uri()` with the project's experiment active. Raises BadInput if it cannot be reached."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    import mlflow
    from mlflow.exceptions import MlflowException

    uri = tracking_uri()
    (home() / "mlflow" / "artifacts").mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient()
    try:
        if client.get_experiment_by_name(EXPERIMENT) is None:
            local = (home() / "mlflow" / "artifacts").as_uri() if uri.startswith("sqlite") else None
            try:
                client.create_experiment(EXPERIMENT, artifact_location=local)
            except MlflowException:  # another process was first
                if client.get_experiment_by_name(EXPERIMENT) is None:
                    raise
        mlflow.set_experiment(EXPERIMENT)
    except MlflowException as error:
        raise BadInput(
            f"MLFLOW_TRACKING_URI = {uri!r}: cannot be used ({str(error).splitlines()[0][:200]}); "
            "start the services with `make up` or unset the variable"
        ) from error
    return client


@dataclass(kw_only=True)
class StageTracker:
    """The tracked run of one stage."""

    run_id: str

    def log_metrics(self, metrics: Mapping[str, float], *, tokens: int = 0) -> None:
        """Record numbers at a position on the token axis (MLflow's step). Does not wait for the server."""
        import mlflow

        mlflow.log_metrics({name: float(value) for name, value in metrics.items()}, step=tokens, synchronous=False)

    def log_artifact(self, path: Path, under: str | None = None) -> None:
        """Copy a file or a directory into the run's artifacts."""
        import mlflow

        (mlflow.log_artifacts if path.is_dir() else mlflow.log_artifact)(str(path), under)

    def log_figure(self, figure: Any, name: str) -> None:
        """Store a matplotlib figure as an artifact, e.g. `loss.png`."""
        import mlflow

        mlflow.log_figure(figure, name)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        import mlflow

        mlflow.set_tags(dict(tags))


@contextmanager
def track_stage(stage: str, params: Params) -> Iterator[StageTracker]:
    """Open the stage's run, record parameters and inputs, and close it with the status its end deserves.

    A run that was interrupted (KILLED) with the same identity is set back to RUNNING and continued.
    """
    client = connect()
    import mlflow

    _end_lost_runs(client, stage)
    identity = identify(stage) if "DVC_STAGE" in os.environ else None
    tags = {STAGE_TAG: stage, "trivium.preset": params.preset, **_git_tags()}
    tags |= {HOST_TAG: platform.node(), PROCESS_TAG: ProcessMark.of(psutil.Process()).model_dump_json()}
    if os.environ.get(FLOW_RUN_VARIABLE):
        tags[FLOW_RUN_TAG] = os.environ[FLOW_RUN_VARIABLE]
    if identity:
        tags[IDENTITY_TAG] = identity.key
    resumed = find_run(client, identity.key, status="KILLED") if identity else None
    parent = os.environ.get(PARENT_VARIABLE)
    run = mlflow.start_run(
        run_id=resumed,
        run_name=None if resumed else stage,
        log_system_metrics=True,
        parent_run_id=None if resumed else parent,
        tags=tags,
    )
    status = "FAILED"
    try:
        if not run.data.params:  # a new run, or one killed before it had recorded them
            mlflow.log_params(_stage_params(stage, params))
            if identity:
                _log_inputs(identity)
        yield StageTracker(run_id=run.info.run_id)
        status = "FINISHED"
    except Interrupted:
        status = "KILLED"
        raise
    finally:
        mlflow.flush_async_logging()
        mlflow.end_run(status)


def _end_lost_runs(client: MlflowClient, stage: str) -> None:
    """Set to KILLED what processes of this machine left RUNNING when SIGKILL or a power cut ended them."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    running = client.search_runs(
        [experiment.experiment_id],
        filter_string=f"tags.`{STAGE_TAG}` = '{stage}' and tags.`{HOST_TAG}` = '{platform.node()}' "
        "and attributes.status = 'RUNNING'",
    )
    for run in running:
        if ProcessMark.model_validate_json(run.data.tags[PROCESS_TAG]).find() is None:
            client.set_terminated(run.info.run_id, "KILLED")


def find_run(client: MlflowClient, identity: str, *, status: str = "FINISHED") -> str | None:
    """Id of the newest run that did the work named by `identity` and ended with `status`."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return None
    found = client.search_runs(
        [experiment.experiment_id],
        max_results=1,
        order_by=["attributes.start_time DESC"],
        filter_string=f"tags.`{IDENTITY_TAG}` = '{identity}' and attributes.status = '{status}'",
    )
    return str(found[0].info.run_id) if found else None


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted names, lists as they are."""
    if not isinstance(value, Mapping):
        return {prefix: value}
    return {
        name: leaf
        for key, child in value.items()
        for name, leaf in flatten(child, f"{prefix}.{key}" if prefix else str(key)).items()
    }


def _stage_params(stage: str, params: Params) -> dict[str, Any]:
    """All parameters, but of the curriculum only the entry that this stage trains or evaluates."""
    tree = params.model_dump(mode="json")
    entry = stage.partition("@")[2]
    tree["curriculum"] = {entry: tree["curriculum"][entry]} if entry in tree["curriculum"] else {}
    return flatten(tree)


def _log_inputs(identity: StageIdentity) -> None:
    """Record what the stage reads as datasets whose digest is the DVC hash."""
    import mlflow
    from mlflow.data.http_dataset_source import HTTPDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.exceptions import MlflowException

    for path, digest in identity.inputs.items():
        if path.startswith(_DATA_ROOTS):
            source = HTTPDatasetSource(f"dvc://{path}")
            dataset = MetaDataset(source, name=path, digest=digest)  # type: ignore[abstract]  # MLflow's own slip
            try:
                mlflow.log_input(dataset, context="input")
            except MlflowException as error:
                # The store looks a dataset up before it adds it. Of two stages that read the same data at the same
                # moment one may lose that race; by now it is there.
                if "unique constraint" not in str(error).lower():
                    raise
                mlflow.log_input(dataset, context="input")


def _git_tags() -> dict[str, str]:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return {"trivium.commit": commit.stdout.strip()} if commit.returncode == 0 else {}
