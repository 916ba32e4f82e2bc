"""The three journeys of a user, on the real pipeline: trigger in Prefect, reproduce with DVC, compare in MLflow."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import mlflow
import pytest
import yaml
from journey_clone import SMALL, Clone, clone_project
from playwright.sync_api import Page, expect

CHANGED_TOKENS = SMALL["curriculum.agentic.token_budget"] + 4_096
FROM_AGENTIC_ON = {"pretrain@agentic", "evaluate@agentic", "gate", "release"}
RUN_LIMIT_S = 900


def lock(clone: Clone) -> dict[str, object]:
    stages: dict[str, object] = yaml.safe_load((clone.root / "dvc.lock").read_text())["stages"]
    return stages


def wait_until(condition: Callable[[], bool], patience_s: float) -> None:
    deadline_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.5)


def is_training(clone: Clone, name: str) -> bool:
    """Whether the flow run has a task of the changed stage that runs."""
    url = f"http://127.0.0.1:{clone.environment['TRIVIUM_PREFECT_PORT']}/api/task_runs/filter"
    body = {
        "flow_runs": {"name": {"any_": [name]}},
        "task_runs": {"name": {"any_": ["pretrain@agentic"]}, "state": {"type": {"any_": ["RUNNING"]}}},
    }
    return bool(httpx.post(url, json=body, timeout=30).raise_for_status().json())


@pytest.fixture(scope="module")
def first_run(clone: Clone) -> str:
    """What `make run` does on a fresh clone; returns the run's name."""
    done = clone.python("flows", "run", "--preset", "journey")
    print(done.stdout)
    for words in ("pretrain@agentic", "held-out", "gate", "release", "http://127.0.0.1:"):
        assert words in done.stdout
    named = re.search(r"DVC experiment: `([^`]+)`", done.stdout)
    assert named and named.group(1) in clone.run("dvc", "exp", "list").stdout
    return named.group(1)


@pytest.mark.timeout(1200)
def test_a_fresh_clone_becomes_a_release(clone: Clone, first_run: str) -> None:
    assert "up to date" in clone.run("dvc", "status").stdout
    assert (clone.root / "release").is_dir()
    again = time.monotonic()
    done = clone.python("flows", "run", "--preset", "journey")
    print(f"a second run of an unchanged pipeline took {time.monotonic() - again:.0f} s")
    assert "unchanged" in done.stdout


@pytest.mark.timeout(1200)
def test_two_clones_give_the_same_bytes_and_plain_dvc_tracks_just_as_well(
    clone: Clone, first_run: str, tmp_path: Path
) -> None:
    other = clone_project(tmp_path)
    other.run("dvc", "repro", "--quiet")
    assert lock(other) == lock(clone)
    client = mlflow.MlflowClient(f"sqlite:///{other.root / '.trivium' / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("trivium")
    assert experiment is not None
    tracked = {
        run.data.tags["trivium.stage"]: run.info.status for run in client.search_runs([experiment.experiment_id])
    }
    assert tracked == dict.fromkeys(lock(other).keys() - {"fingerprint"}, "FINISHED")


@pytest.mark.timeout(1200)
def test_trigger_watch_and_compare_in_the_browser(clone: Clone, first_run: str, page: Page, pictures: Path) -> None:
    prefect = f"http://127.0.0.1:{clone.environment['TRIVIUM_PREFECT_PORT']}"
    mlflow_url = f"http://127.0.0.1:{clone.environment['TRIVIUM_MLFLOW_PORT']}"
    before = lock(clone)

    # Trigger: the deployment's form with one changed parameter.
    page.goto(f"{prefect}/v2/deployments")
    page.get_by_role("link", name="curriculum").first.click()
    page.get_by_role("button", name=re.compile("^Run$")).first.click()
    page.get_by_role("menuitem", name=re.compile("Custom run", re.IGNORECASE)).click()
    page.get_by_label("Agentic tokens").fill(str(CHANGED_TOKENS))
    page.get_by_label("preset").click()
    page.get_by_role("option", name="journey").click()
    name = page.locator("input[name=name]").input_value()
    page.screenshot(path=pictures / "trigger-form.png", full_page=True)
    page.get_by_role("button", name="Submit").click()

    # Watch: the run's page until it has completed.
    page.get_by_role("link", name=name).first.click()
    expect(page.get_by_text("Running", exact=True).first).to_be_visible(timeout=120_000)
    wait_until(lambda: is_training(clone, name), RUN_LIMIT_S)
    page.screenshot(path=pictures / "watch-running.png")
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=RUN_LIMIT_S * 1000)
    page.wait_for_timeout(2_000)
    page.screenshot(path=pictures / "watch-completed.png")

    # Reproduce: the experiment of the same name holds the change, and only what it reaches ran.
    clone.run("dvc", "exp", "apply", name)
    after = lock(clone)
    assert {stage for stage in after if after[stage] != before[stage]} == FROM_AGENTIC_ON
    assert "up to date" in clone.run("dvc", "status").stdout
    assert (
        yaml.safe_load((clone.root / "params.yaml").read_text())["curriculum"]["agentic"]["token_budget"]
        == CHANGED_TOKENS
    )

    # Compare: the run of the same name in MLflow, beside the first.
    client = mlflow.MlflowClient(mlflow_url)
    experiment = client.get_experiment_by_name("trivium")
    assert experiment is not None
    parents = {
        run.info.run_name: run.info.run_id
        for run in client.search_runs([experiment.experiment_id], "tags.`trivium.flow_run_id` != ''")
    }
    page.goto(
        f"{mlflow_url}/#/experiments/{experiment.experiment_id}/runs?searchFilter=attributes.run_name%3D%27{name}%27"
    )
    expect(page.get_by_text(name).first).to_be_visible()
    page.screenshot(path=pictures / "compare-find.png")
    wanted = json.dumps([parents[first_run], parents[name]])
    page.goto(f'{mlflow_url}/#/compare-runs?runs={wanted}&experiments=["{experiment.experiment_id}"]')
    for run_name in (first_run, name):
        expect(page.get_by_text(run_name).first).to_be_visible()
    page.wait_for_timeout(3_000)
    page.screenshot(path=pictures / "compare-runs.png", full_page=True)
