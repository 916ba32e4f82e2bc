"""A study as one Prefect flow: variants of the agentic stage at matched tokens, each with several seeds.

Every run of it is a `curriculum` run of its own, with its own workspace, DVC experiment and tracked run; DVC's hashes
see to it that what the variants share is made once. The study adds who is compared with whom, and the table.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

from prefect import Task, flow, get_run_logger, task
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, as_completed
from prefect.runtime import flow_run as current
from prefect.settings import PREFECT_UI_URL
from prefect.states import Completed, Failed
from pydantic import Field

from components.core.errors import BadInput
from components.evaluation import study_report
from flows import workspace
from flows.comparison import read_study
from flows.curriculum import curriculum
from flows.execution import load_profile
from flows.forms import Overrides, Preset, ProfileName, StudyName
from flows.parent_run import ParentRun, find_parent_run, open_parent_run
from flows.stages import BAD_INPUT, UNCHANGED
from flows.variants import StudyPlan, StudyRun, plan_study

PARENT_TAG = "mlflow.parentRunId"


@flow(name="ablate", persist_result=False, validate_parameters=True)
def ablate(
    preset: Preset = "nano",
    study: StudyName = "streams",
    seeds: Annotated[int, Field(ge=1, le=20)] = 3,
    token_budget: Annotated[int, Field(ge=0)] = 0,
    parallel: Annotated[int, Field(ge=1, le=64)] = 1,
    overrides: Overrides = Overrides(),  # noqa: B008  # the form's defaults; never mutated
    profile: ProfileName = "local",
) -> State[Any]:
    """Train variants of the agentic stage on the same number of tokens and compare them on the same questions.

    Args:
        preset: A complete set of parameters; changes below are made to it.
        study: streams (leave one out), observations (their loss weight), branches (with and without wrong steps).
        seeds: Runs of every variant; each seed is another order of the stage's rows.
        token_budget: Tokens every variant trains in the agentic stage. 0: as in the preset.
        parallel: Runs that work at once.
        overrides: Common parameters to change in every run.
        profile: Where and how stages run. It changes no result.
    """
    logger = get_run_logger()
    name, run_id = str(current.name), str(current.id)
    try:
        plan = plan_study(study, preset, overrides.as_parameters(), seeds=seeds, token_budget=token_budget)
        load_profile(profile)
        workspace.check_name(name)
        parent = open_parent_run(name, plan.params, _tags(run_id, plan))
    except BadInput as error:
        logger.error(str(error))
        return Failed(name=BAD_INPUT, message=str(error))
    create_link_artifact(key="mlflow-run", link=parent.link(), link_text=f"{name} in MLflow")
    logger.info("%d runs, %s tokens each", len(plan.runs), f"{plan.stage_tokens:,}")
    try:
        failed = _run_all(name, plan, preset, profile, parallel)
        if failed is not None:
            parent.end("FAILED")
            return Failed(name=failed.name, message=failed.message)
        _publish(name, plan, parent)
    except BaseException as error:
        parent.end("FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    parent.end("FINISHED")
    return Completed(message=f"{len(plan.runs)} runs compared; experiments {name}-*")


def _run_all(name: str, plan: StudyPlan, preset: str, profile: str, parallel: int) -> State[Any] | None:
    """Run everything, `parallel` at a time in the order of the plan, so that whole seeds are done first; the starting
    point and the first base alone, since they make what the others share. Returns the state of a run that failed."""
    tasks = [_run_task(f"{name}-{run.label}", run, preset, profile) for run in plan.runs]
    for first in tasks[:2]:
        state = first(return_state=True)
        if not state.is_completed():
            return state
    active: list[PrefectFuture[Any]] = []
    failed = None
    for number in range(2, len(tasks) + parallel):
        if len(active) == parallel or (active and number >= len(tasks)):
            ended = next(as_completed(active))
            ended.wait()  # takes over the final state; before it the server's word, which may lag, would count
            active.remove(ended)
            failed = failed or (None if ended.state.is_completed() else ended.state)
        if number < len(tasks) and failed is None:
            active.append(tasks[number].submit(return_state=False))
    return failed


def _run_task(name: str, run: StudyRun, preset: str, profile: str) -> Task[[], State[Any]]:
    """The task of one run: a curriculum run under a name of the study's, unless an earlier attempt has finished it."""

    @task(name=run.label, task_run_name=run.label, tags=[run.label], cache_policy=NO_CACHE, persist_result=False)
    def one() -> State[Any]:
        if workspace.experiment(name):
            return Completed(name=UNCHANGED, message=f"experiment {name}")
        create_progress_artifact(progress=0.0, key="study-run", description=f"as run {name}")
        # Of an attempt that was cut off; what it trained lies under its identity and is taken up again.
        workspace.remove(name)
        ended: State[Any] = curriculum.with_options(flow_run_name=name)(
            preset=preset,
            until=run.until,
            overrides=Overrides(extra_overrides=run.override_lines),
            profile=profile,
            return_state=True,
        )
        if ended.is_completed():
            return Completed(message=ended.message)
        return Failed(name=ended.name, message=f"{run.label}: {ended.message}")

    return one


def _publish(name: str, plan: StudyPlan, parent: ParentRun) -> None:
    """Collect every run's items, compare, and leave the table, the picture and the numbers where people look."""
    for run in plan.runs:
        child = find_parent_run(f"{name}-{run.label}")
        if child is not None:
            child.set_tags({PARENT_TAG: parent.run_id})
    study = read_study(name)
    compared = study.compared()
    create_table_artifact(key="study", table=study_report.rows(compared), description=f"Differences found by {name}")
    create_markdown_artifact(key="summary", markdown=study.page, description=f"Study {name}")
    parent.log_text(study.page, "study.md")
    parent.log_text(
        json.dumps({key: [asdict(each) for each in found] for key, found in compared.items()}), "study.json"
    )
    parent.client.log_figure(parent.run_id, study_report.plot(compared), "study.png")
    parent.log_metrics(
        {f"{key}/{each.measure}": each.interval.estimate for key, found in compared.items() for each in found}
    )


def _tags(run_id: str, plan: StudyPlan) -> dict[str, str]:
    return {
        "trivium.study": plan.study,
        "trivium.flow_run_id": run_id,
        "trivium.flow_run": f"{PREFECT_UI_URL.value()}/runs/flow-run/{run_id}",
    }
