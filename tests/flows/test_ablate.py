"""A study with everything real but the stages: one experiment a run, shared work made once, differences found."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from small_project import Project
from study_project import make_study_project

from components.core.errors import BadInput
from flows.variants import BASE, BEFORE, plan_study

VARIANTS = ("all", "no-math", "no-code")


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = make_study_project(tmp_path_factory.mktemp("study") / "project")
    project.run("infra.local", "up")
    yield project
    project.run("infra.local", "down")


def test_a_study_leaves_out_one_stream_at_a_time(studied: Project) -> None:
    done = studied.run(
        "flows", "ablate", "--seeds", "1", "--tokens", "500", "--parallel", "2", check=False, timeout=400
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    name = next(line for line in said.splitlines() if line.startswith("run ")).split()[1].rstrip(":")
    runs = [f"{name}-before", *(f"{name}-{variant}-s1251" for variant in VARIANTS)]
    experiments = studied.git("for-each-ref", "--format=%(refname:lstrip=4)", "refs/exps/").split()
    assert set(runs) <= set(experiments), experiments
    # The starting point is trained once, the studied stage once for each variant and seed.
    assert Counter((studied.home / "trained.txt").read_text().split()) == {"commonsense": 1, "stem": 3}
    rows = {tuple(cell.strip() for cell in line.split("|")[1:3]): line for line in said.splitlines() if "|" in line}
    without = rows["all to no-math", "episodes/math"]
    assert "yes" in without, without
    assert "yes" not in rows["all to no-math", "episodes/code"], "the other streams stay as they were"
    assert "yes" in rows["before to all", "phases/plan"]
    assert rows["before to all", "phases/math"] in studied.run("flows", "compare", name).stdout
    tracked = {run["info"]["run_name"]: run for run in _tracked(studied)}
    parent = tracked[name]["info"]["run_id"]
    tags = {run: {tag["key"]: tag["value"] for tag in tracked[run]["data"]["tags"]} for run in runs}
    assert all(tags[run]["mlflow.parentRunId"] == parent for run in runs)
    metrics = {metric["key"]: metric["value"] for metric in tracked[name]["data"]["metrics"]}
    assert -1 < metrics["all to no-math/episodes/math"] < -0.6


def _tracked(project: Project) -> list[dict[str, Any]]:
    url = f"http://127.0.0.1:{project.environment['TRIVIUM_MLFLOW_PORT']}/api/2.0/mlflow/runs/search"
    filtered = {"experiment_ids": ["1"], "filter": "tags.`trivium.kind` = 'flow'", "max_results": 100}
    found = httpx.post(url, json=filtered).json()["runs"]
    assert isinstance(found, list)
    return found


def test_a_dry_run_tells_runs_and_tokens_and_starts_nothing(studied: Project) -> None:
    before = studied.git("for-each-ref", "refs/exps/")
    said = studied.run("flows", "ablate", "--seeds", "3", "--tokens", "700", "--dry-run").stdout
    assert "10 runs train 6,300 tokens in stem" in said
    assert "no-code-s1253" in said
    assert studied.git("for-each-ref", "refs/exps/") == before


def test_every_run_of_a_plan_trains_as_many_tokens_from_the_same_start() -> None:
    streams = {"cot": 1, "math": 2, "code": 0, "research": 1, "tool": 1}
    plan = plan_study("streams", "nano", {"curriculum.agentic.agent_streams": streams}, seeds=3, token_budget=9000)
    assert [run.label for run in plan.runs[:3]] == [BEFORE, f"{BASE}-s1251", "no-cot-s1251"]
    assert plan.variants == [BASE, "no-cot", "no-math", "no-research", "no-tool"]
    assert len(plan.runs) == 1 + 3 * 5
    for run in plan.runs:
        assert run.overrides["curriculum.agentic.token_budget"] == 9000
    lines = plan.of("no-math")[2].override_lines.splitlines()
    assert json.loads(lines[0].removeprefix("curriculum.agentic.agent_streams=")) == {**streams, "math": 0}
    assert lines[-1] == "curriculum.agentic.seed=1253"


@pytest.mark.parametrize(
    ("study", "overrides", "complaint"),
    [
        ("stream", {}, "study = 'stream'"),
        ("streams", {"curriculum.agentic.agent_streams": {"math": 1}}, "only one stream has rows"),
        ("branches", {"trajectories.wrong_branch_share": 0.0}, "no episode takes a wrong branch"),
        ("streams", {"gate.candidate": "longcontext", "gate.baseline": "stem"}, "names no agent rows"),
        ("streams", {"sed": 1}, "did you mean 'seed'?"),
    ],
)
def test_a_study_that_makes_no_sense_is_refused(study: str, overrides: dict[str, object], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint.replace("?", r"\?")):
        plan_study(study, "nano", overrides, seeds=1)
