"""The programs `evaluate NAME` and `gate` as `dvc repro` runs them: outputs, determinism, refusals."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from stage_workspace import StageRunner, file_bytes, inside

from components.core.errors import BadInput
from components.core.lineage import read_manifest, verify
from components.core.params import Params, load
from components.core.progress import Progress
from components.core.stage import StageContext
from components.core.tracking import StageTracker
from components.evaluation import evaluate, gate
from components.evaluation.agent_eval import BASELINES, MODEL, EpisodeItem
from components.evaluation.bits_per_byte import TextSegment
from components.evaluation.items import AGENT_FILE, BITS_FILE, PHASES_FILE, TASKS_FILE, read_items
from components.evaluation.lm_eval_adapter import TaskItem
from components.evaluation.phase_answers import PhaseAnswer
from components.evaluation.report import stages_markdown

OUTPUTS = ("data/evaluations", "metrics/evaluate")


def test_items_and_figures_agree(evaluated: Path) -> None:
    directory = evaluated / "data/evaluations/second"
    manifest = read_manifest(directory, "evaluate@second")
    verify(directory, manifest)
    metrics = json.loads((evaluated / "metrics/evaluate/second.json").read_text())
    text = read_items(directory / BITS_FILE, TextSegment)
    assert {item.domain for item in text} == set(metrics["bits_per_byte"]) == {"encyclopedic", "code"}
    for key, column in (("bits_per_byte", "model_bits"), ("five_gram", "five_gram_bits"), ("unigram", "unigram_bits")):
        code = [item for item in text if item.domain == "code"]
        expected = sum(getattr(item, column) for item in code) / sum(item.bytes for item in code)
        assert metrics[key]["code"] == pytest.approx(expected, abs=1e-6)
    episodes = read_items(directory / AGENT_FILE, EpisodeItem)
    assert {item.policy for item in episodes} == {MODEL, *BASELINES}
    for figures in (metrics["agent"], *metrics["baselines"].values()):
        assert set(figures) == {"arithmetic_add", "factbook_field", "arithmetic_three_terms"}
        assert all(0 <= row["lo"] <= row["success"] <= row["hi"] <= 1 for row in figures.values())
    answers = read_items(directory / TASKS_FILE, TaskItem)
    for task, figures in metrics["tasks"].items():
        members = [item for item in answers if item.task == task]
        assert len(members) == figures["items"] == 8
        assert figures["acc"] == sum(item.acc for item in members) / 8
        assert figures["guessing"] == 0.25
    assert set(metrics["streams"]) == {"math", "research"}
    math = [metrics["agent"][family]["success"] for family in ("arithmetic_add", "arithmetic_three_terms")]
    assert metrics["streams"]["math"]["success"] == pytest.approx(sum(math) / 2)
    phases = read_items(directory / PHASES_FILE, PhaseAnswer)
    assert metrics["all_phases"]["items"] == len(phases) > 0
    for stream, row in metrics["phases"].items():
        for phase, figures in row.items():
            accuracies = [one.acc for one in phases if (one.stream, one.phase) == (stream, phase)]
            assert figures["items"] == len(accuracies)
            assert figures["acc"] == sum(accuracies) / len(accuracies)


def test_counting_beats_knowing_nothing_and_random_weights(evaluated: Path) -> None:
    metrics = json.loads((evaluated / "metrics/evaluate/second.json").read_text())
    for domain in ("encyclopedic", "code"):
        assert metrics["five_gram"][domain] < metrics["unigram"][domain] < metrics["bits_per_byte"][domain]


def test_every_checkpoint_and_policy_meets_the_same_tasks(evaluated: Path) -> None:
    asked: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name in ("first", "second"):
        for item in read_items(evaluated / "data/evaluations" / name / AGENT_FILE, EpisodeItem):
            asked.setdefault((name, item.policy), []).append((item.family, item.task))
    assert len(asked) == 6
    (tasks,) = {tuple(each) for each in asked.values()}
    assert len(set(tasks)) == len(tasks) == 18


def test_the_same_command_gives_the_same_bytes(
    world: Path, evaluated: Path, runner: StageRunner, tmp_path: Path
) -> None:
    again = tmp_path / "elsewhere"
    shutil.copytree(world, again)
    runner.run(again, "evaluate", "second")
    ours = file_bytes(again, *OUTPUTS)
    assert len(ours) == 6
    assert ours == {path: body for path, body in file_bytes(evaluated, *OUTPUTS).items() if "first" not in path}
    assert not any(str(tmp_path).encode() in body for body in ours.values())


def test_gate_records_a_verdict_and_ends_with_zero(evaluated: Path, runner: StageRunner, tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        root = tmp_path / name
        shutil.copytree(evaluated, root)
        runner.run(root, "gate")
        written.append((root / "metrics/gate.json").read_bytes())
    assert written[0] == written[1]
    verdict = json.loads(written[0])
    assert verdict["verdict"] in ("HOLD", "INSUFFICIENT_POWER"), "random weights cannot pass"
    assert (verdict["candidate"], verdict["baseline"]) == ("second", "first")
    assert verdict["checks"]["target_family_rises"]["verdict"] == "INSUFFICIENT_POWER"
    assert verdict["checks"]["target_family_rises"]["tasks"] == 6
    assert all(check["reason"] for check in verdict["checks"].values())


def test_the_report_shows_every_stage(evaluated: Path, world_params: Params) -> None:
    with inside(evaluated):
        page = stages_markdown(world_params)
    for word in (
        "first",
        "second",
        "5-gram",
        "no_op",
        "arithmetic_three_terms (never trained)",
        "hellaswag_sample",
        "diagnosis",
    ):
        assert word in page
    with inside(evaluated / "data"):
        assert "No stage has been evaluated" in stages_markdown(world_params)


def _flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 0xFF
    path.write_bytes(body)


def _first_shard(root: Path, pattern: str) -> Path:
    return next(iter(sorted(root.glob(pattern))))


EVALUATE_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing checkpoint": (lambda root: shutil.rmtree(root / "checkpoints/second"), "checkpoints/second/manifest.json"),
    "corrupt manifest": (
        lambda root: (root / "checkpoints/second/manifest.json").write_text("{"),
        "checkpoints/second/manifest.json: not a manifest",
    ),
    "corrupt weights": (
        lambda root: _flip(root / "checkpoints/second/model.safetensors"),
        "model.safetensors: shard is corrupt",
    ),
    "another tokenizer": (lambda root: _edit_fact(root, "tokenizer_sha256", "0" * 64), "tokenizer_sha256"),
    "unfinished training": (lambda root: _edit_fact(root, "complete", False), "training is not complete"),
    "corrupt held-out text": (
        lambda root: _flip(_first_shard(root, "data/curated/heldout/code/*.zst")),
        "heldout/code/part-00000.jsonl.zst: shard is corrupt",
    ),
    "corrupt token shard": (lambda root: _flip(_first_shard(root, "data/tokens/code/128/*.arrow")), "shard is corrupt"),
    "unknown family": (
        lambda root: _replace(root / "params.yaml", "arithmetic_three_terms", "arithmetic_tree_terms"),
        "evaluation.held_out_families: no task family 'arithmetic_tree_terms'",
    ),
    "unknown task": (
        lambda root: _replace(root / "params.yaml", "hellaswag_sample", "helaswag"),
        "evaluation.tasks: unknown task 'helaswag'",
    ),
}


def _edit_fact(root: Path, fact: str, value: object) -> None:
    path = root / "checkpoints/second/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["facts"][fact] = value
    path.write_text(json.dumps(manifest))


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _context(root: Path, name: str) -> StageContext:
    """What a stage body gets; none of the refusals comes so far as to track anything."""
    return StageContext(
        name=name,
        params=load(root / "params.yaml"),
        progress=Progress(stage=name, path=root / "progress.json"),
        tracker=StageTracker(run_id="never used"),
    )


@pytest.mark.parametrize("fault", EVALUATE_FAULTS)
def test_evaluate_refuses(world: Path, tmp_path: Path, fault: str) -> None:
    damage, named = EVALUATE_FAULTS[fault]
    root = tmp_path / "world"
    shutil.copytree(world, root)
    damage(root)
    with inside(root), pytest.raises(BadInput, match=re.escape(named)):
        evaluate.run(_context(root, "evaluate@second"), "second")
    assert not file_bytes(root, *OUTPUTS)


def test_a_refusal_ends_the_program_with_two(world: Path, runner: StageRunner, tmp_path: Path) -> None:
    root = tmp_path / "world"
    shutil.copytree(world, root)
    shutil.rmtree(root / "checkpoints/second")
    said = runner.run(root, "evaluate", "second", code=2)
    assert "evaluate@second: checkpoints/second/manifest.json: missing; run `dvc repro`" in said
    assert not file_bytes(root, *OUTPUTS)


def test_an_unknown_stage_is_refused_before_anything(world: Path, runner: StageRunner) -> None:
    said = runner.run(world, "evaluate", "secnd", code=2)
    assert said == "evaluate@secnd: curriculum.secnd: no such stage; did you mean 'second'?\n"


GATE_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing evaluation": (lambda root: shutil.rmtree(root / "data/evaluations/first"), "data/evaluations/first"),
    "corrupt manifest": (
        lambda root: (root / "data/evaluations/first/manifest.json").write_text("[]"),
        "data/evaluations/first/manifest.json: not a manifest",
    ),
    "corrupt items": (lambda root: _flip(root / "data/evaluations/second" / BITS_FILE), "shard is corrupt"),
    "nothing to compare": (
        lambda root: _replace(root / "params.yaml", "baseline: first", "baseline: second"),
        "gate.baseline = 'second': is the candidate itself",
    ),
}


@pytest.mark.parametrize("fault", GATE_FAULTS)
def test_gate_refuses(evaluated: Path, tmp_path: Path, fault: str) -> None:
    damage, named = GATE_FAULTS[fault]
    root = tmp_path / "world"
    shutil.copytree(evaluated, root)
    damage(root)
    with inside(root), pytest.raises(BadInput, match=re.escape(named)):
        gate.run(_context(root, "gate"))
    assert not (root / "metrics/gate.json").exists()


def test_items_with_other_columns_are_refused(evaluated: Path) -> None:
    with pytest.raises(BadInput, match=r"bits_per_byte\.parquet: columns = "):
        read_items(evaluated / "data/evaluations/second" / BITS_FILE, EpisodeItem)
