"""The tracked MLflow run of a flow run: parent of its stages' runs, under the one name they all carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.core import tracking
from components.core.params import Params

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

KIND_TAG = "trivium.kind"
KIND = "flow"


@dataclass(frozen=True, kw_only=True)
class ParentRun:
    """The parent run and the client that reaches it."""

    client: MlflowClient
    experiment_id: str
    run_id: str

    def end(self, status: str) -> None:
        """FINISHED, FAILED, or KILLED when it may be resumed."""
        self.client.set_terminated(self.run_id, status)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        for name, value in tags.items():
            self.client.set_tag(self.run_id, name, value)

    def tag(self, name: str) -> str:
        return str(self.client.get_run(self.run_id).data.tags.get(name, ""))

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Final metrics of the stages, so that whole runs compare side by side."""
        from mlflow.entities import Metric

        if metrics:
            entries = [Metric(_metric_name(name), float(value), 0, 0) for name, value in metrics.items()]
            for start in range(0, len(entries), 1000):  # the most the server takes at once
                self.client.log_batch(self.run_id, metrics=entries[start : start + 1000])

    def log_text(self, text: str, path: str) -> None:
        self.client.log_text(self.run_id, text, path)

    def environment(self, name: str) -> dict[str, str]:
        """What makes a stage's run its child."""
        return {
            tracking.PARENT_VARIABLE: self.run_id,
            tracking.FLOW_RUN_VARIABLE: name,
            "MLFLOW_TRACKING_URI": tracking.tracking_uri(),
            # The stage's own words go to the flow's log; MLflow's about itself need not.
            "MLFLOW_LOGGING_LEVEL": "WARNING",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        }

    def link(self, run_id: str | None = None) -> str:
        """Address of a run (this one by default) in MLflow's pages; its id where no server is named."""
        run_id = run_id or self.run_id
        uri = tracking.tracking_uri()
        return f"{uri}/#/experiments/{self.experiment_id}/runs/{run_id}" if uri.startswith("http") else run_id

    def stage_run(self, identity: str | None) -> str | None:
        """Id of the run that did the work named by `identity`."""
        return tracking.find_run(self.client, identity) if identity else None


def open_parent_run(name: str, params: Params, tags: Mapping[str, str]) -> ParentRun:
    """Create the run called `name`, or set the one of an earlier attempt back to RUNNING."""
    found = find_parent_run(name)
    if found is not None:
        found.client.update_run(found.run_id, status="RUNNING")
        run = found
    else:
        client = tracking.connect()
        experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
        assert experiment is not None
        own = {tracking.FLOW_RUN_TAG: name, KIND_TAG: KIND, "trivium.preset": params.preset}
        run_id = client.create_run(experiment.experiment_id, run_name=name, tags=own).info.run_id
        _log_params(client, run_id, params)
        run = ParentRun(client=client, experiment_id=experiment.experiment_id, run_id=run_id)
    run.set_tags(tags)
    return run


def find_parent_run(name: str) -> ParentRun | None:
    """The tracked run of the flow run called `name`, if there is one."""
    client = tracking.connect()
    experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
    assert experiment is not None
    found = client.search_runs(
        [experiment.experiment_id],
        max_results=1,
        filter_string=f"tags.`{tracking.FLOW_RUN_TAG}` = '{name}' and tags.`{KIND_TAG}` = '{KIND}'",
    )
    if not found:
        return None
    return ParentRun(client=client, experiment_id=experiment.experiment_id, run_id=found[0].info.run_id)


def _log_params(client: MlflowClient, run_id: str, params: Params) -> None:
    from mlflow.entities import Param

    flat = tracking.flatten(params.model_dump(mode="json"))
    entries = [Param(name, str(value)) for name, value in flat.items()]
    for start in range(0, len(entries), 100):  # the most the server takes at once
        client.log_batch(run_id, params=entries[start : start + 100])


def _metric_name(name: str) -> str:
    """MLflow takes letters, digits and _ - . space : / in names."""
    return "".join(letter if letter.isalnum() or letter in "_-. :/" else "_" for letter in name)


def numbers(value: Any, prefix: str) -> dict[str, float]:
    """Every number in a nested mapping, by dotted name."""
    flat = tracking.flatten(value, prefix)
    return {
        name: float(leaf) for name, leaf in flat.items() if isinstance(leaf, int | float) and not isinstance(leaf, bool)
    }
