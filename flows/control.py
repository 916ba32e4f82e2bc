"""Talking to the Prefect server about runs: start, watch, cancel, resume, approve. Nothing here runs a stage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterName,
)
from prefect.client.schemas.objects import Artifact, FlowRun, State, StateType, TaskRun
from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_UI_URL
from prefect.states import AwaitingRetry, Cancelling

from components.core.errors import EXIT_BAD_INPUT, EXIT_INTERRUPTED, BadInput
from flows.stages import BAD_INPUT

CURRICULUM = "curriculum/curriculum"
ABLATE = "ablate/ablate"


@dataclass(frozen=True, kw_only=True)
class StageView:
    """One stage as a watcher sees it."""

    name: str
    state: str
    message: str
    percent: float
    progress: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RunView:
    """One look at a run."""

    name: str
    state: State[Any]
    stages: tuple[StageView, ...]

    @property
    def ended(self) -> bool:
        return self.state.is_final()

    @property
    def exit_code(self) -> int:
        """0 done, 2 bad input, 75 cancelled with its work saved, 1 otherwise: as a stage's own codes."""
        if self.state.is_completed():
            return 0
        if self.state.is_cancelled():
            return EXIT_INTERRUPTED
        return EXIT_BAD_INPUT if self.state.name == BAD_INPUT else 1


class Control:
    """A connection to the Prefect server that PREFECT_API_URL names."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client

    @classmethod
    def connect(cls) -> Control:
        client = get_client(sync_client=True)
        assert isinstance(client, SyncPrefectClient)
        return cls(client)

    def start(self, deployment_name: str, parameters: Mapping[str, Any]) -> FlowRun:
        """Schedule a run of a deployment for now. Raises BadInput if the server does not know it."""
        try:
            deployment = self._client.read_deployment_by_name(deployment_name)
        except ObjectNotFound:
            raise BadInput(f"deployment {deployment_name}: not on this Prefect server; run `make up`") from None
        return self._client.create_flow_run_from_deployment(deployment.id, parameters=dict(parameters))

    def find(self, name: str) -> FlowRun:
        """The newest run called `name`. Raises BadInput if there is none."""
        wanted = FlowRunFilter(name=FlowRunFilterName(any_=[name]))
        found = self._client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1)
        if not found:
            raise BadInput(
                f"run {name!r}: this Prefect server knows none of that name; see {PREFECT_UI_URL.value()}/runs"
            )
        return found[0]

    def look(self, run_id: UUID) -> RunView:
        run = self._client.read_flow_run(run_id)
        assert run.state is not None
        tasks = {
            _stage_name(task): task  # of a stage that earlier attempts of the run also tried, the last one counts
            for task in sorted(
                self._client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))),
                key=lambda task: (task.flow_run_run_count, task.expected_start_time or run.created, task.name),
            )
            if task.tags  # Prefect's stand-in for a flow within the flow has none
        }
        progress = {artifact.task_run_id: artifact for artifact in reversed(self._artifacts(run_id, "progress"))}
        stages = []
        for name, task in tasks.items():
            shown = progress.get(task.id)
            state = task.state.name if task.state and task.state.name else "Pending"
            stages.append(
                StageView(
                    name=name,
                    state=state,
                    message=(task.state.message or "") if task.state else "",
                    percent=float(shown.data) if shown and isinstance(shown.data, int | float) else 0.0,
                    progress=(shown.description or "") if shown else "waits for a free place",
                    seconds=task.estimated_run_time.total_seconds(),
                )
            )
        return RunView(name=run.name, state=run.state, stages=tuple(stages))

    def summary(self, run_id: UUID) -> tuple[list[dict[str, str]], str]:
        """Rows of the table of stages, and the summary page, as the flow stored them; empty before its end."""
        tables = [artifact for artifact in self._artifacts(run_id, "table") if artifact.key == "stages"]
        pages = [artifact for artifact in self._artifacts(run_id, "markdown") if artifact.key == "summary"]
        rows = json.loads(str(tables[0].data)) if tables else []
        return rows, str(pages[0].data) if pages else ""

    def cancel(self, run: FlowRun) -> None:
        """Ask a run to stop. Raises BadInput if it has ended."""
        if run.state is not None and run.state.is_final():
            raise BadInput(f"run {run.name!r}: has ended already ({run.state.name})")
        self._client.set_flow_run_state(run.id, Cancelling(message="cancelled by hand"))

    def resume(self, run: FlowRun) -> None:
        """Let a run that was cancelled, failed or crashed go on where it stopped. Raises BadInput otherwise."""
        resumable = {StateType.CANCELLED, StateType.FAILED, StateType.CRASHED}
        if run.state is None or run.state.type not in resumable:
            raise BadInput(f"run {run.name!r}: is {run.state.name if run.state else 'unknown'}; nothing to resume")
        self._client.set_flow_run_state(run.id, AwaitingRetry(message="resumed by hand"), force=True)

    def approve(self, run: FlowRun, *, release: bool, note: str) -> None:
        """Answer a run that waits for approval. Raises BadInput if it does not."""
        if run.state is None or not run.state.is_paused():
            raise BadInput(f"run {run.name!r}: does not wait for an approval")
        answer = {"release": release, "note": note}
        self._client.resume_flow_run(run.id, run_input=answer)

    def url(self, run_id: UUID) -> str:
        return f"{PREFECT_UI_URL.value()}/runs/flow-run/{run_id}"

    def _artifacts(self, run_id: UUID, kind: str) -> list[Artifact]:
        """Newest first."""
        wanted = ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]), type=ArtifactFilterType(any_=[kind])
        )
        return list(self._client.read_artifacts(artifact_filter=wanted, sort=ArtifactSort.UPDATED_DESC, limit=200))


def _stage_name(task: TaskRun) -> str:
    """A task carries its stage's name as its tag; before it starts Prefect calls it something else."""
    return task.tags[0]
