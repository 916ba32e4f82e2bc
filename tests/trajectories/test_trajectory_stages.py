"""The three stages as programs in a workspace of their own: same bytes twice, gates, quarantine, tokens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from stage_workspace import file_bytes
from trajectory_episodes import EPISODES, ROOT, WRONG_BRANCH_SHARE

from components.core.errors import BadInput
from components.core.lineage import Manifest, describe_shard, read_manifest, verify, write_manifest
from components.core.params import load
from components.core.progress import Progress
from components.core.stage import StageContext
from components.corpus.documents import read_lines, write_lines
from components.tokenizer import TextTokenizer
from components.tokens import TrainingOrder
from components.trajectories import check, synthesize, tokenize
from components.trajectories.episodes import takes_wrong_branch
from components.trajectories.expectations import judge_table
from components.trajectories.record import Record, read_records, shard_name, write_records
from components.trajectories.synthesize import plan_chunks, run_chunks

CHECKED = ("data/trajectories", "data/quarantine", "metrics")


class Tracker:
    """Takes what a stage would log."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self.artifacts: list[Path] = []

    def log_metrics(self, metrics: dict[str, float], *, tokens: int = 0) -> None:
        self.metrics |= metrics

    def log_artifact(self, path: Path, under: str | None = None) -> None:
        self.artifacts.append(path)


def context(name: str, root: Path) -> StageContext:
    progress = Progress(stage=name, path=root / "progress.json")
    return StageContext(name=name, params=load(root / "params.yaml"), progress=progress, tracker=Tracker())  # type: ignore[arg-type]


def run_program(root: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "components.trajectories", command],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TRIVIUM_HOME": str(root / "home"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def synthesized(workspace: Path) -> Path:
    done = run_program(workspace, "synthesize", PYTHONHASHSEED="1")
    assert done.returncode == 0, done.stderr
    return workspace


@pytest.fixture
def inside(synthesized: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(synthesized)
    monkeypatch.setenv("TRIVIUM_HOME", str(synthesized / "home"))
    return synthesized


def test_what_was_asked_for_is_made(synthesized: Path) -> None:
    manifest = read_manifest(synthesized / "data/trajectories", "synthesize")
    verify(synthesized / "data/trajectories", manifest)
    assert {family: counts["episodes"] for family, counts in manifest.totals.items()} == EPISODES
    assert all(counts["successes"] == counts["episodes"] for counts in manifest.totals.values())
    for family in set(EPISODES) - {"code_repair"}:  # where a second wrong edit may happen to be none
        assert manifest.totals[family]["with_wrong_branch"] == WRONG_BRANCH_SHARE * EPISODES[family]
    records = list(read_records(synthesized / "data/trajectories"))
    assert len({record.id for record in records}) == sum(EPISODES.values())
    assert {record.provenance.licence for record in records if record.domain == "research"} == {"public-domain"}


def test_one_process_makes_the_same_records(inside: Path, tmp_path: Path) -> None:
    """Written by a program of several processes under another hash seed."""
    chunks = plan_chunks(load(inside / "params.yaml"), costly=set())
    made = [record for made in run_chunks(chunks, 1, tmp_path) for record in made.records]
    assert sorted(made, key=lambda record: record.id) == sorted(
        read_records(inside / "data/trajectories"), key=lambda record: record.id
    )


def test_wrong_branches_are_spread_evenly() -> None:
    base = 1251 * 1_000_000
    for share in (0.0, 0.15, 0.4, 1.0):
        for count in (20, 100, 4000):
            assert sum(takes_wrong_branch(base + number, share) for number in range(count)) == round(share * count)


def test_an_unknown_family_is_refused_before_any_work(inside: Path) -> None:
    before = file_bytes(inside, "data/trajectories")
    ctx = context("synthesize", inside)
    trajectories = ctx.params.trajectories.model_copy(update={"families": {"arithmetic_ad": 5}})
    wrong = StageContext(
        name=ctx.name,
        params=ctx.params.model_copy(update={"trajectories": trajectories}),
        progress=ctx.progress,
        tracker=ctx.tracker,
    )
    with pytest.raises(BadInput, match=r"trajectories\.families: no task family 'arithmetic_ad'"):
        synthesize.run(wrong)
    assert file_bytes(inside, "data/trajectories") == before


@pytest.fixture(scope="module")
def checked(synthesized: Path) -> Path:
    done = run_program(synthesized, "check", PYTHONHASHSEED="1")
    assert done.returncode == 0, done.stderr
    return synthesized


def test_check_passes_and_leaves_pages_for_people(inside: Path, checked: Path) -> None:
    metrics = json.loads((inside / "metrics/check_trajectories.json").read_text())
    assert metrics["records"] == sum(EPISODES.values())
    assert metrics["quarantined"] == metrics["faults"]["near_duplicates"] == sum(metrics["faults"].values()) <= 3
    assert metrics["replay_share"] == 1.0 and metrics["replayed"] == metrics["records"]
    reports = inside / "home/reports/trajectories"
    page = (reports / "sample.html").read_text()
    assert 'class="reflection"' in page and "masked wrong" in page
    assert "<script" not in page and "&lt;tool_call&gt;" in page
    assert list((reports / "data_docs").rglob("*.html"))
    assert list((inside / "home/mlflow/artifacts").rglob("sample.html")), "the tracked run has the page"


def metrics_of(root: Path) -> dict[str, Any]:
    metrics: dict[str, Any] = json.loads((root / "metrics/check_trajectories.json").read_text())
    return metrics


def replace_lines(root: Path, family: str, change: Callable[[list[dict[str, object]]], None]) -> None:
    """Edit a shard and its manifest, as a faulty generator would write them."""
    directory = root / "data/trajectories"
    path = directory / shard_name(family, 0)
    rows = [json.loads(line) for line in read_lines(path)]
    change(rows)
    write_lines(path, rows)
    manifest = read_manifest(directory)
    shards = [describe_shard(directory, directory / shard.name, documents=shard.documents) for shard in manifest.shards]
    write_manifest(directory, manifest.model_copy(update={"shards": tuple(shards)}))


@pytest.fixture
def damaged(inside: Path, checked: Path) -> Iterator[Path]:
    """The workspace, put back as it was afterwards."""
    kept = file_bytes(inside, *CHECKED)
    yield inside
    for name, content in kept.items():
        (inside / name).write_bytes(content)
    for name in file_bytes(inside, *CHECKED).keys() - kept.keys():
        (inside / name).unlink()


def _restore(rows: list[dict[str, object]], kept: dict[str, bytes]) -> None:
    """Write the shard as it was."""
    Path("kept.jsonl.zst").write_bytes(kept[f"data/trajectories/{shard_name('arithmetic_add', 0)}"])
    rows[:] = [json.loads(line) for line in read_lines(Path("kept.jsonl.zst"))]


def _lie(rows: list[dict[str, object]], count: int) -> None:
    """A number that was never observed, in the reflections of some records, with ids that fit."""
    for number in range(count):
        record = Record.model_validate(rows[number])
        steps = [
            step.model_copy(update={"text": f"{step.text} Also 31415926."}) if step.phase == "reflection" else step
            for step in record.steps
        ]
        rows[number] = record.model_copy(update={"steps": tuple(steps)}).identified().model_dump(mode="json")


def test_a_bad_record_is_set_aside_and_not_tokenized(damaged: Path, tokenizer: TextTokenizer) -> None:
    before = file_bytes(damaged, *CHECKED)
    ctx = context("check_trajectories", damaged)
    replace_lines(damaged, "arithmetic_add", lambda rows: _lie(rows, 2))
    with pytest.raises(BadInput, match="judged other trajectories"):
        list(tokenize.read_passed_records())
    check.run(ctx)
    assert ctx.tracker.artifacts == [damaged / "home/reports/trajectories"]  # type: ignore[attr-defined]
    manifest = read_manifest(damaged / "data/quarantine/trajectories", "check_trajectories")
    assert {name: set(lines) >= {1, 2} for name, lines in manifest.facts["lines"].items()} == {
        shard_name("arithmetic_add", 0): True
    }
    repeated = metrics_of(damaged)["faults"]["near_duplicates"]
    assert manifest.totals["reasons"] == {"near_duplicates": repeated, "traces": 2}
    (shard,) = manifest.shards
    rows = [json.loads(line) for line in read_lines(damaged / "data/quarantine/trajectories" / shard.name)]
    assert ["31415926" in row["reasons"]["traces"] for row in rows if "traces" in row["reasons"]] == [True, True]
    assert metrics_of(damaged)["quarantined"] == 2 + repeated and metrics_of(damaged)["faults"]["traces"] == 2
    kept = list(tokenize.read_passed_records())
    assert len(kept) == sum(EPISODES.values()) - 2 - repeated
    assert "31415926" not in "".join(record.model_dump_json() for record in kept)
    # what the program wrote under another hash seed, this process writes again
    replace_lines(damaged, "arithmetic_add", lambda rows: _restore(rows, before))
    check.run(context("check_trajectories", damaged))
    assert file_bytes(damaged, *CHECKED) == before


def test_a_bad_corpus_is_refused_and_nothing_is_written(damaged: Path) -> None:
    before = file_bytes(damaged, "data/quarantine", "metrics")
    replace_lines(damaged, "arithmetic_add", lambda rows: _lie(rows, 9))
    with pytest.raises(BadInput, match=r"refused by .*\(clean\).*'traces': 9") as refused:
        check.run(context("check_trajectories", damaged))
    assert "arithmetic_add.00000.jsonl.zst line 1: traces: step" in str(refused.value)
    assert file_bytes(damaged, "data/quarantine", "metrics") == before
    assert list((damaged / "home/reports/trajectories/data_docs").rglob("*.html"))


@pytest.mark.parametrize(
    ("column", "bad_rows", "refused"),
    [
        ("replay", 1, False),
        ("replay", 2, True),
        ("clean", 3, False),
        ("clean", 4, True),
        ("schema", 1, True),
        ("wrong_steps", 1, True),
        ("split", 1, True),
        ("traces", 3, False),
    ],
)
def test_gates_stand_where_they_are_said_to(tmp_path: Path, column: str, bad_rows: int, refused: bool) -> None:
    rows = 300
    columns: dict[str, list[object]] = {"id": list(range(rows)), "family": ["any"] * rows}
    columns |= {name: [1] * rows for name in (*check.CHECK_NAMES, "clean")}
    columns["replay"] = [1] * 300
    columns[column][:bad_rows] = [0] * bad_rows
    failed = judge_table(columns, rows, tmp_path)
    assert failed == ([f"expect_column_values_to_be_in_set({column})"] if refused else [])


def test_rows_that_are_missing_or_doubled_are_refused(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {"id": ["a", "b", "b"], "family": ["any"] * 3, "schema": [1, 1, 1]}
    failed = judge_table(columns, 4, tmp_path)
    assert failed == ["expect_table_row_count_to_equal(rows)", "expect_column_values_to_be_unique(id)"]


def test_a_corrupt_shard_is_named(damaged: Path) -> None:
    path = damaged / "data/trajectories" / shard_name("arithmetic_add", 0)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(BadInput, match=r"arithmetic_add\.00000\.jsonl\.zst: shard is corrupt"):
        check.run(context("check_trajectories", damaged))


def test_a_shard_cut_anywhere_gives_an_error_and_no_record(tmp_path: Path, records: list[Record]) -> None:
    write_records(tmp_path, shard_name("arithmetic_add", 0), records[:3])
    path = tmp_path / shard_name("arithmetic_add", 0)
    whole = path.read_bytes()
    assert list(read_records(tmp_path)) == records[:3]
    for size_bytes in range(len(whole)):
        path.write_bytes(whole[:size_bytes])
        with pytest.raises(BadInput, match=r"arithmetic_add\.00000\.jsonl\.zst: shard is corrupt .*`dvc checkout`"):
            next(read_records(tmp_path))


def test_tokens_are_read_back_by_training(inside: Path, checked: Path, tokenizer: TextTokenizer) -> None:
    done = run_program(inside, "tokenize", RAYON_NUM_THREADS="2")
    assert done.returncode == 0, done.stderr
    first = file_bytes(inside, "data/trajectory_tokens", "metrics")
    tokenize.run(context("tokenize_trajectories", inside))
    assert file_bytes(inside, "data/trajectory_tokens", "metrics") == first
    manifest: Manifest = read_manifest(inside / "data/trajectory_tokens", "tokenize_trajectories")
    assert manifest.facts["tokenizer_sha256"] == tokenizer.sha256
    metrics = json.loads((inside / "metrics/trajectory_tokens.json").read_text())
    records = list(tokenize.read_passed_records())
    assert {family: counts["records"] for family, counts in metrics["families"].items()} == Counter(
        record.task.generator for record in records
    )
    encoded = list(tokenize.encode_records(tokenizer, records, observation_weight=0.0, action_weight=1.0))
    fitting = [item for item in encoded if len(item.ids) <= 1024]
    assert metrics["dropped_records"]["1024"] == len(encoded) - len(fitting) < 5
    rows = {domain: lengths["1024"] for domain, lengths in metrics["rows"].items()}
    assert rows.keys() == {f"agent_{item.stream}" for item in fitting}
    assert sum(totals["tokens"] for totals in rows.values()) == sum(len(item.ids) for item in fitting)
    orders = {
        domain: TrainingOrder([inside / "data/trajectory_tokens"], {domain: 1.0}, 1024, seed=1) for domain in rows
    }
    samples = [orders[domain][index] for domain, totals in rows.items() for index in range(totals["rows"])]
    assert sum(int((sample.weights > 0).sum()) for sample in samples) == sum(
        int((item.weights > 0).sum()) for item in fitting
    )
    documents = [
        tuple(sample.ids[sample.document_ids == number].tolist())
        for sample in samples
        for number in range(int(sample.document_ids.max()) + 1)
    ]
    assert sorted(documents) == sorted(tuple(item.ids.tolist()) for item in fitting), "episodes are packed whole"


def test_a_stopped_run_goes_on_with_the_chunks_it_has(inside: Path, tmp_path: Path) -> None:
    chunks = plan_chunks(load(inside / "params.yaml"), costly=set())
    whole = [record for made in run_chunks(chunks[:3], 1, tmp_path) for record in made.records]
    (tmp_path / sorted(path.name for path in tmp_path.iterdir())[0]).unlink()
    again = list(run_chunks(chunks[:3], 1, tmp_path))
    assert [record for made in again for record in made.records] == whole
    assert sorted(made.cpu_s > 0 for made in again) == [False, False, True], "only what was missing is made"
