"""The whole pipeline of `dvc.yaml` as one Prefect flow: one task per stage, in a workspace of the run's own.

The flow decides when and where stages run; DVC's hashes decide whether. No ML logic lives here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.exceptions import FailedRun
from prefect.flow_runs import pause_flow_run
from prefect.futures import PrefectFuture, wait
from prefect.runtime import flow_run as current
from prefect.settings import PREFECT_UI_URL
from prefect.states import Completed, Failed

from components.core.dvc.survey import StageWork, survey
from components.core.errors import BadInput
from flows import preflight, summary, workspace
from flows.compose import compose
from flows.execution import get_executor, load_profile
from flows.forms import RELEASE, Approval, Overrides, Preset, ProfileName, Until
from flows.parent_run import open_parent_run
from flows.slots import Slots
from flows.stages import BAD_INPUT, Run, stage_task

DECLINED = "Declined"


class _ToldByState(logging.Filter):
    """Prefect adds a traceback of its own to the log of a flow that returned a Failed state; the state says it all."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], FailedRun))


logging.getLogger("prefect.flow_runs").addFilter(_ToldByState())


@flow(name="curriculum", persist_result=False, validate_parameters=True)
def curriculum(
    preset: Preset = "nano",
    until: Until = RELEASE,
    overrides: Overrides = Overrides(),  # noqa: B008  # the form's defaults; never mutated
    profile: ProfileName = "local",
    require_approval: bool = False,
) -> State[Any]:
    """Take raw text to a released model: every stage of the pipeline, those that are unchanged at once.

    Args:
        preset: A complete set of parameters; changes below are made to it.
        until: The last stage to run; `release` runs the whole pipeline.
        overrides: Common parameters to change.
        profile: Where and how stages run. It changes no result.
        require_approval: Wait for a person before the release.
    """
    logger = get_run_logger()
    name, run_id = str(current.name), str(current.id)
    try:
        text, params = compose(preset, overrides.as_parameters())
        chosen_profile = load_profile(profile)
        preflight.check_disk(chosen_profile)
        place = workspace.prepare(name, run_id, text)
        work = survey(place.path)
        targets = preflight.choose_stages(work, until)
        parent = open_parent_run(name, params, _tags(run_id, place.record.commit))
    except BadInput as error:
        logger.error(str(error))
        return Failed(name=BAD_INPUT, message=str(error))
    stale = [target for target in targets if not work[target].done]
    logger.info("%d stages, %d of them unchanged; workspace %s", len(targets), len(targets) - len(stale), place.path)
    create_link_artifact(key="mlflow-run", link=parent.link(), link_text=f"{name} in MLflow")
    run = Run(
        name=name,
        workspace=place,
        params=params,
        profile=chosen_profile,
        executor=get_executor(chosen_profile),
        parent=parent,
        slots=Slots(chosen_profile.max_parallel_stages),
    )
    try:
        declined = _run_stages(run, work, targets, require_approval)
        return _finish(run, targets, declined)
    except BaseException as error:
        run.executor.cancel()
        # A cancellation arrives as an exception that is no Exception; such a run may be resumed.
        parent.end("FAILED" if isinstance(error, Exception) else "KILLED")
        raise


def _run_stages(run: Run, work: Mapping[str, StageWork], targets: list[str], require_approval: bool) -> Approval | None:
    """Run the tasks as the graph allows. Returns the answer of a person who declined the release."""
    futures: dict[str, PrefectFuture[Any]] = {}
    answer = None
    for name in targets:
        if name == RELEASE and require_approval and not work[name].done:
            if all(state.is_completed() for state in _states(futures).values()):
                answer = _ask(run)
            if answer and not answer.release:
                break
        upstream = [futures[other] for other in work[name].node.upstream]
        futures[name] = stage_task(run, work[name]).submit(return_state=False, wait_for=upstream)
    run.states.update(_states(futures))
    return answer if answer and not answer.release else None


def _states(futures: Mapping[str, PrefectFuture[Any]]) -> dict[str, State[Any]]:
    """How the tasks ended; waits until they have."""
    wait(list(futures.values()))
    return {name: future.state for name, future in futures.items()}


def _ask(run: Run) -> Approval:
    """Pause until a person answers. The form shows what the evaluations say."""
    page = (
        summary.gate_markdown(run.workspace.path) + "\n" + summary.evaluation_markdown(run.workspace.path, run.params)
    )
    create_markdown_artifact(key="approval", markdown=page, description="What the release would be judged by")
    form = Approval.with_initial_data(description=f"Release the result of **{run.name}**?\n\n{page}")
    answer: Approval = pause_flow_run(
        wait_for_input=form, timeout=int(run.profile.approval_timeout_s), poll_interval=2, key="approval"
    )
    run.parent.set_tags({"trivium.approved": str(answer.release).lower(), "trivium.approval_note": answer.note})
    return answer


def _finish(run: Run, targets: list[str], declined: Approval | None) -> State[Any]:
    """Save the experiment, tell what came out, and end the run."""
    failed = {name: state for name, state in run.states.items() if state.is_failed() or state.is_crashed()}
    done = [name for name in targets if name in run.summaries and run.summaries[name].state in ("ran", "unchanged")]
    experiment = None if failed else workspace.save_experiment(run.workspace, done)
    release = f"release/ of experiment {run.name}" if RELEASE in done else None
    _publish(run, targets, experiment, release)
    if failed:
        run.parent.end("FAILED")
        name, state = next(iter(failed.items()))
        return Failed(name=state.name, message=f"{name}: {state.message}")
    run.parent.end("FINISHED")
    workspace.remove(run.name)
    if declined:
        return Completed(name=DECLINED, message=f"release declined: {declined.note or 'no reason given'}")
    unchanged = sum(outcome.state == "unchanged" for outcome in run.summaries.values())
    return Completed(message=f"{len(done) - unchanged} stages ran, {unchanged} unchanged; experiment {run.name}")


def _publish(run: Run, targets: list[str], experiment: str | None, release: str | None) -> None:
    rows = summary.stage_rows(run, targets)
    where = summary.links(run, experiment, release)
    pages = [
        summary.gate_markdown(run.workspace.path),
        summary.evaluation_markdown(run.workspace.path, run.params),
    ]
    page = summary.markdown(rows, pages, where)
    create_table_artifact(key="stages", table=rows, description="Stages of the run")
    create_markdown_artifact(key="summary", markdown=page, description=f"Summary of {run.name}")
    run.parent.log_metrics(summary.final_metrics(run.workspace.path))
    run.parent.log_text(page, "summary.md")
    run.parent.log_text(run.workspace.params_file.read_text(encoding="utf-8"), "params.yaml")
    if experiment:
        run.parent.set_tags({"trivium.experiment": run.name, "trivium.experiment_commit": experiment})


def _tags(run_id: str, commit: str) -> dict[str, str]:
    return {
        "trivium.commit": commit,
        "trivium.flow_run_id": run_id,
        "trivium.flow_run": f"{PREFECT_UI_URL.value()}/runs/flow-run/{run_id}",
    }
