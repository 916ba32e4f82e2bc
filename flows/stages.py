"""One Prefect task per stage of the DVC graph."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prefect import Task, get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from components.core.dvc.graph import StageIdentity, identify
from components.core.dvc.survey import StageWork
from components.core.params import Params
from flows.execution import Executor, Profile, StageRequest, StageResult, StageStatus
from flows.parent_run import ParentRun
from flows.slots import Slots
from flows.workspace import Workspace

BAD_INPUT = "BadInput"  # name of the Failed state that means exit code 2
UNCHANGED = "Cached"
_LOG_EVERY_S = 20.0
_ARTIFACT_EVERY_S = 2.0
# What DVC says to somebody who will commit by hand.
_HINTS = re.compile(r"^(To track the changes|To enable auto staging|\tgit add|\tdvc config|Use `dvc push`|\s*$)")


class InfrastructureFault(Exception):
    """The stage ended for no fault of its own; the same task may run again."""


@dataclass(frozen=True, kw_only=True)
class StageSummary:
    """What the summary tells about one stage."""

    state: str
    seconds: float | None
    run_id: str | None


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything the tasks of one flow run share."""

    name: str
    workspace: Workspace
    params: Params
    profile: Profile
    executor: Executor
    parent: ParentRun
    slots: Slots
    summaries: dict[str, StageSummary] = field(default_factory=dict)
    states: dict[str, State[Any]] = field(default_factory=dict)


def stage_task(run: Run, work: StageWork) -> Task[[], State[Any]]:
    """The task that brings one stage up to date: at once where the survey found it done."""

    @task(
        name=work.node.name,
        task_run_name=work.node.name,
        description=work.node.description,
        tags=[work.node.name],  # Prefect names a task that has not started yet differently
        cache_policy=NO_CACHE,  # DVC's hashes decide
        persist_result=False,
        retries=run.profile.retries,
        retry_delay_seconds=run.profile.retry_delay_s,
        retry_condition_fn=_is_infrastructure_fault,
    )
    def stage() -> State[Any]:
        return _report_done(run, work.node.name, work.identity) if work.done else _run(run, work)

    return stage


def _report_done(run: Run, name: str, identity: StageIdentity | None) -> State[Any]:
    made_by = run.parent.stage_run(identity.key if identity else None)
    run.summaries[name] = StageSummary(state="unchanged", seconds=None, run_id=made_by)
    by = f"; made by {run.parent.link(made_by)}" if made_by else ""
    return Completed(name=UNCHANGED, message=f"unchanged{by}")


def _run(run: Run, work: StageWork) -> State[Any]:
    name = work.node.name
    logger = get_run_logger()
    with run.slots.take(run.profile.stage_slots(name)):
        logger.info("runs because: %s", "; ".join(work.reasons))
        watcher = _Watcher(name, logger)
        request = StageRequest(
            stage=name,
            workspace=run.workspace.path,
            run_name=run.name,
            environment=run.profile.stage_environment() | run.parent.environment(run.name),
            timeout_s=run.profile.stage_timeout_s(name),
        )
        result = run.executor.run(request, watcher.on_progress, watcher.on_line)
    return _conclude(run, name, result)


def _conclude(run: Run, name: str, result: StageResult) -> State[Any]:
    """The task's state for the stage's end; raises where a retry may help."""
    identity = identify(name, run.workspace.path) if result.status is StageStatus.DONE else None
    if result.unchanged:
        return _report_done(run, name, identity)
    run.summaries[name] = StageSummary(
        state="ran" if result.status is StageStatus.DONE else result.status.value,
        seconds=result.seconds,
        run_id=run.parent.stage_run(identity.key if identity else None),
    )
    match result.status:
        case StageStatus.DONE:
            return Completed(message=f"ran in {result.seconds:.0f} s")
        case StageStatus.CANCELLED:
            return Cancelled(message=result.message)
        case StageStatus.INTERRUPTED | StageStatus.LOST:
            raise InfrastructureFault(f"{result.status.value}: {result.message}")
        case StageStatus.BAD_INPUT:
            return Failed(name=BAD_INPUT, message=result.message)
        case StageStatus.TIMED_OUT:
            return Failed(name="TimedOut", message=result.message)
        case StageStatus.FAILED:
            return Failed(message=result.message)


def _is_infrastructure_fault(_task: object, _run: object, state: State[Any]) -> bool:
    return isinstance(state.result(raise_on_failure=False), InfrastructureFault)


class _Watcher:
    """Turns what a stage reports into a progress artifact and a log that stays readable."""

    def __init__(self, stage: str, logger: logging.Logger | logging.LoggerAdapter[Any]) -> None:
        self._logger = logger
        key = re.sub(r"[^a-z0-9]+", "-", stage.lower())
        artifact = create_progress_artifact(progress=0.0, key=f"progress-{key}", description="starting")
        assert isinstance(artifact, UUID)  # a coroutine in an asynchronous flow
        self._artifact = artifact
        self._shown_s = self._logged_s = float("-inf")

    def on_line(self, line: str) -> None:
        if not _HINTS.match(line):
            self._logger.info(line)

    def on_progress(self, state: Mapping[str, Any]) -> None:
        now_s, finished = time.monotonic(), state["done"] >= state["total"]
        if now_s - self._shown_s < _ARTIFACT_EVERY_S and not finished:
            return
        self._shown_s = now_s
        text = describe_progress(state)
        percent = 100.0 * state["done"] / state["total"] if state["total"] else 0.0
        update_progress_artifact(self._artifact, progress=min(percent, 100.0), description=text)
        if now_s - self._logged_s >= _LOG_EVERY_S or finished:
            self._logged_s = now_s
            self._logger.info(text)


def describe_progress(state: Mapping[str, Any]) -> str:
    """`12,288 of 400,000 tokens, 3,012/s, 128 s left, loss 3.21`."""
    parts = [f"{state['done']:,} of {state['total']:,} {state['unit']}"]
    if state.get("per_s"):
        parts.append(f"{state['per_s']:,.0f}/s" if state["per_s"] >= 10 else f"{state['per_s']:.2g}/s")
    if state.get("left_s") is not None and state["done"] < state["total"]:
        parts.append(f"{state['left_s']:,.0f} s left")
    known = {"stage", "done", "total", "unit", "per_s", "left_s"}
    parts += [f"{name} {value:.4g}" for name, value in state.items() if name not in known]
    return ", ".join(parts)
