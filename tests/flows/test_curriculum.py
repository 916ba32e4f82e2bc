"""The curriculum flow with everything real: server, worker, MLflow, DVC, signals; only the stages are small.

The tests share one set of services; those about what follows a finished run share that run (`first_run`).
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest
import yaml
from small_project import Project

from infra.local.prefect_api import declare_lost_runs
from infra.local.settings import Services

STAGES = ["source", "pretrain@commonsense", "pretrain@stem", "gate", "release"]
TRACKED = {"pretrain@commonsense", "pretrain@stem", "release"}


def flow(project: Project, *arguments: str, code: int = 0) -> tuple[str, str]:
    """Run `python -m flows ...`; returns the run's name and all it printed."""
    done = project.run("flows", *arguments, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    return run_name(said), said


def run_name(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith("run ")]
    return lines[0].split()[1].rstrip(":") if lines else ""


@contextmanager
def started(project: Project, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`python -m flows ...` in the background."""
    with subprocess.Popen(
        [sys.executable, "-m", "flows", *arguments],
        cwd=project.root,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # of one that has ended, nothing; leaving would wait for one that a failed test left waiting


def line_with(process: subprocess.Popen[str], text: str) -> str:
    """What the program said up to the first line with `text` in it."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(f"it ended without {text!r}:\n{said}")


def until(condition: Callable[[], bool], patience_s: float = 60) -> None:
    deadline_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.2)


def tracked(project: Project, name: str) -> dict[str, dict[str, Any]]:
    """MLflow's runs of a flow run: the parent by its name, children by stage."""
    url = f"http://127.0.0.1:{project.environment['TRIVIUM_MLFLOW_PORT']}/api/2.0/mlflow/runs/search"
    body = {"experiment_ids": ["1"], "filter": f"tags.`trivium.run` = '{name}'", "max_results": 100}
    return {run["info"]["run_name"]: run for run in httpx.post(url, json=body).json().get("runs", [])}


def prefect(project: Project, path: str, body: dict[str, Any]) -> Any:
    url = f"http://127.0.0.1:{project.environment['TRIVIUM_PREFECT_PORT']}/api/{path}"
    for _ in range(20):
        answer = httpx.post(url, json=body, timeout=30)
        if answer.status_code not in (500, 503):  # a busy SQLite; Prefect's own clients ask again too
            break
        time.sleep(0.5)
    return answer.raise_for_status().json()


def flow_run(project: Project, name: str) -> dict[str, Any]:
    found = prefect(project, "flow_runs/filter", {"flow_runs": {"name": {"any_": [name]}}})
    assert isinstance(found[0], dict)
    return found[0]


@pytest.fixture(scope="module")
def first_run(served: Project) -> tuple[str, str]:
    """A finished run of the whole pipeline with an uncommitted file beside it: its name and what it printed."""
    (served.root / "uncommitted.txt").write_text("mine")
    return flow(served, "run")


def test_one_run_from_trigger_to_results(served: Project, first_run: tuple[str, str]) -> None:
    """The two trained entries finish only if both run at one time; an uncommitted file travels; results come home."""
    name, said = first_run
    assert "the results are in the working tree" in said
    for stage in STAGES:
        assert any(line.split()[:2] == [stage, "ran"] for line in said.splitlines()), said
    # One name: flow run, experiment, parent run; its children by stage.
    runs = tracked(served, name)
    assert set(runs) == {name} | TRACKED
    assert {run["info"]["status"] for run in runs.values()} == {"FINISHED"}
    tags = {tag["key"]: tag["value"] for tag in runs[name]["data"]["tags"]}
    assert tags["trivium.flow_run_id"] == flow_run(served, name)["id"]
    experiment = served.git("for-each-ref", "--format=%(objectname)", f"refs/exps/*/*/{name}").strip()
    assert tags["trivium.experiment_commit"] == experiment
    assert served.git("show", f"{experiment}:uncommitted.txt") == "mine"
    assert set(yaml.safe_load(served.git("show", f"{experiment}:dvc.lock"))["stages"]) == set(STAGES)
    assert "up to date" in served.run("dvc", "status").stdout
    assert json.loads((served.root / "release" / "result.json").read_text())["stage"] == "release"
    assert not (served.home / "runs" / name).exists()


def test_a_second_run_changes_nothing_and_says_who_made_it(served: Project, first_run: tuple[str, str]) -> None:
    children = {stage: run["info"]["run_id"] for stage, run in tracked(served, first_run[0]).items()}
    name, said = flow(served, "run")
    for stage in STAGES:
        told = [line for line in said.splitlines() if line.split()[:2] == [stage, "Cached"]]
        assert told and children.get(stage, "unchanged") in told[0], said
    assert set(tracked(served, name)) == {name}
    assert served.git("for-each-ref", f"refs/exps/*/*/{name}")


@pytest.mark.usefixtures("first_run")  # alone, `commonsense` would wait for the other entry
def test_cancel_saves_and_resume_goes_on(served: Project) -> None:
    saved = served.home / "in-progress-stem"
    arguments = ["--until", "pretrain@stem", "--set", "curriculum.stem.token_budget=5000"]
    with started(served, "run", *arguments) as process:
        name = run_name(line_with(process, "run "))
        until(lambda: any("of 5,000 tokens" in shown["description"] for shown in progress(served, name)))
        stages = [other for other in psutil.process_iter() if "work.py pretrain@stem" in " ".join(cmdline(other))]
        assert stages
        flow(served, "cancel", name)
        process.communicate(timeout=90)
        assert process.returncode == 75
    assert not any(stage.is_running() for stage in stages)
    assert int(saved.read_text()) > 0
    assert flow_run(served, name)["state_type"] == "CANCELLED"
    assert {run: tracked(served, name)[run]["info"]["status"] for run in (name, "pretrain@stem")} == {
        name: "KILLED",
        "pretrain@stem": "KILLED",
    }
    assert name in served.run("flows", "runs").stdout
    before = tracked(served, name)["pretrain@stem"]["info"]["run_id"]

    saved.write_text("4995")  # so that the rest takes no time
    _, said = flow(served, "resume", name)
    runs = tracked(served, name)
    assert runs[name]["info"]["status"] == runs["pretrain@stem"]["info"]["status"] == "FINISHED"
    assert runs["pretrain@stem"]["info"]["run_id"] == before  # the same curve goes on
    assert "release" not in runs and "gate" not in runs
    assert f"dvc exp apply {name}" in said  # these are not the parameters of the working tree


def progress(project: Project, name: str) -> list[dict[str, Any]]:
    wanted = {"flow_runs": {"name": {"any_": [name]}}, "artifacts": {"type": {"any_": ["progress"]}}}
    found = prefect(project, "artifacts/filter", wanted)
    assert isinstance(found, list)
    return found


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


@pytest.mark.usefixtures("first_run")
def test_an_interruption_is_retried_and_bad_input_of_a_stage_is_not(served: Project) -> None:
    (served.home / "interrupt-stem").touch()
    arguments = ["run", "--until", "pretrain@stem", "--set"]
    with (
        started(served, *arguments, "curriculum.stem.token_budget=6") as interrupted,
        started(served, *arguments, "curriculum.stem.token_budget=13") as refused,
    ):
        fine = run_name(line_with(interrupted, "run "))
        bad = run_name(line_with(refused, "run "))
        assert "curriculum.token_budget = 13: an unlucky number" in refused.communicate(timeout=150)[0]
        interrupted.communicate(timeout=150)
    assert (interrupted.returncode, refused.returncode) == (0, 2)
    assert [task["run_count"] for task in tasks(served, fine) if task["name"] == "pretrain@stem"] == [2]
    assert [task["run_count"] for task in tasks(served, bad) if task["name"] == "pretrain@stem"] == [1]
    assert tracked(served, bad)[bad]["info"]["status"] == "FAILED"
    assert (served.home / "runs" / bad).exists()
    served.run("flows", "remove", bad)
    assert not (served.home / "runs" / bad).exists()


def tasks(project: Project, name: str) -> list[dict[str, Any]]:
    found = prefect(project, "task_runs/filter", {"flow_runs": {"name": {"any_": [name]}}})
    assert isinstance(found, list)
    return found


@pytest.mark.usefixtures("first_run")
def test_a_person_decides_about_the_release(served: Project) -> None:
    arguments = ["run", "--approve", "--set"]
    with (
        started(served, *arguments, "release.name=wanted") as wanted,
        started(served, *arguments, "release.name=unwanted") as unwanted,
    ):
        approved = run_name(line_with(wanted, "waits for approval"))
        declined = run_name(line_with(unwanted, "waits for approval"))
        assert "release" not in {task["name"] for name in (approved, declined) for task in tasks(served, name)}
        wanted.send_signal(signal.SIGINT)  # Ctrl-C leaves the run alone
        assert "goes on without this terminal" in wanted.communicate(timeout=60)[0]
        assert wanted.returncode == 130
        flow(served, "approve", approved, "--note", "seen")
        flow(served, "approve", declined, "--decline")
        flow(served, "watch", approved)
        unwanted.communicate(timeout=150)
        assert unwanted.returncode == 0
    for name, answer, state in ((approved, "true", "Completed"), (declined, "false", "Declined")):
        tags = {tag["key"]: tag["value"] for tag in tracked(served, name)[name]["data"]["tags"]}
        assert tags["trivium.approved"] == answer
        assert ("release" in {task["name"] for task in tasks(served, name)}) is (answer == "true")
        assert flow_run(served, name)["state_name"] == state


def test_the_form_takes_bad_overrides_to_one_clear_line(served: Project) -> None:
    """A form cannot know every parameter; the flow refuses at once, with nothing left behind."""
    deployment = httpx.get(
        f"http://127.0.0.1:{served.environment['TRIVIUM_PREFECT_PORT']}/api/deployments/name/curriculum/curriculum"
    ).json()
    body = {"parameters": {"overrides": {"extra_overrides": "sed=1"}}}
    name = prefect(served, f"deployments/{deployment['id']}/create_flow_run", body)["name"]
    _, said = flow(served, "watch", name, code=2)
    assert "sed: unknown field; did you mean 'seed'?" in said
    ended = flow_run(served, name)
    assert ended["state_name"] == "BadInput"
    until(lambda: any("did you mean 'seed'?" in line for line in logged(served, ended["id"])))
    assert not any("Traceback" in line for line in logged(served, ended["id"]))
    assert not tracked(served, name) and not (served.home / "runs" / name).exists()


def logged(project: Project, flow_run_id: str) -> list[str]:
    found = prefect(project, "logs/filter", {"logs": {"flow_run_id": {"any_": [flow_run_id]}}})
    return [str(line["message"]) for line in found]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--set", "sed=1"], "sed: unknown field; did you mean 'seed'?"),
        (["--until", "relase"], "did you mean 'release'?"),
        (["--preset", "nanno"], "did you mean 'nano'?"),
        (["--profile", "locl"], "did you mean 'local'?"),
    ],
)
def test_bad_input_in_a_terminal_starts_nothing(project: Project, arguments: list[str], complaint: str) -> None:
    _, said = flow(project, "run", *arguments, code=2)
    assert complaint in said


@pytest.mark.usefixtures("first_run")
def test_plan_says_what_would_run_and_why(served: Project) -> None:
    said = served.run("flows", "plan", "--set", "curriculum.stem.token_budget=70").stdout
    rows = {line.split()[0]: line.split()[1] for line in said.splitlines() if line.split()[:1] and line[0] != " "}
    assert {stage: rows[stage] for stage in STAGES} == {
        "source": "skip",
        "pretrain@commonsense": "skip",
        "pretrain@stem": "run",
        "gate": "run",
        "release": "run",
    }
    assert "curriculum.stem" in said and "training on 70 tokens" in said
    assert not list((served.home / "runs").glob("plan-*"))


def test_up_twice_is_harmless(served: Project) -> None:
    before = (served.home / "services" / "services.json").read_text()
    served.run("infra.local", "up")
    assert (served.home / "services" / "services.json").read_text() == before
    assert served.run("infra.local", "status").stdout.count(" up") == 3


def test_a_run_that_lost_its_worker_is_called_crashed(served: Project) -> None:
    """After a power cut the server still shows it running; `up` corrects that, and it can be resumed."""
    ports = {kind: int(served.environment[f"TRIVIUM_{kind.upper()}_PORT"]) for kind in ("prefect", "mlflow")}
    services = Services(home=served.home, root=served.root, prefect_port=ports["prefect"], mlflow_port=ports["mlflow"])
    flow_id = prefect(served, "flows/", {"name": "curriculum"})["id"]
    run = prefect(served, "flow_runs/", {"flow_id": flow_id, "name": "cut-off", "state": {"type": "RUNNING"}})
    assert declare_lost_runs(services, time.time() - 3600) == []
    assert declare_lost_runs(services, time.time() + 1) == ["cut-off"]
    assert flow_run(served, "cut-off")["state_type"] == "CRASHED" and run["name"] == "cut-off"
