"""The stages as programs: real processes, real signals, byte-identical outputs."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import mlflow
import pytest
import torch
from ports import free_ports
from stage_workspace import StageRunner, file_bytes, finish
from training_workspace import FIRST_STEPS, build_workspace, raw_params, steps_saved, wait_for
from transformers import AutoModelForCausalLM

from model.config import Yarn
from model.exchange import gguf
from model.exchange.hf import load_pretrained

OUTPUTS = ("checkpoints", "metrics", "plots")
EVERY_STEP = {"TRIVIUM_CHECKPOINT_S": "0"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, runner: StageRunner) -> Path:
    """Both stages of the toy curriculum, never disturbed."""
    workspace = tmp_path_factory.mktemp("finished")
    build_workspace(workspace)
    for name in ("first", "second"):
        runner.run(workspace, "pretrain", name)
    return workspace


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    build_workspace(tmp_path)
    return tmp_path


def test_it_learns_and_says_what_it_did(finished: Path) -> None:
    manifest = json.loads((finished / "checkpoints/second/manifest.json").read_text())
    facts = manifest["facts"]
    assert manifest["producer"] == "pretrain@second"
    assert facts["complete"] is True
    assert facts["tokens"] == FIRST_STEPS * 128 + 10 * 128
    assert (facts["rope_theta"], facts["schedule_end"]) == (20000.0, 0.1)
    assert [entry["stage"] for entry in facts["curriculum"]] == ["first", "second"]
    assert facts["curriculum"][0]["samples"] == FIRST_STEPS * 4
    assert facts["curriculum"][0]["rows_by_domain"] == {"code": FIRST_STEPS, "general": FIRST_STEPS * 3}
    assert {shard["name"] for shard in manifest["shards"]} >= {
        "config.json",
        "model.safetensors",
        "optimizer.safetensors",
    }
    metrics = json.loads((finished / "metrics/pretrain/first.json").read_text())
    assert (metrics["tokens"], metrics["steps"], metrics["deterministic"]) == (FIRST_STEPS * 128, FIRST_STEPS, True)
    header, *lines = (finished / "plots/pretrain/first.csv").read_text().splitlines()
    curve = [(int(tokens), float(loss)) for tokens, loss in (line.split(",") for line in lines)]
    assert header == "tokens,loss"
    assert [tokens for tokens, _ in curve] == [128 * step for step in range(1, FIRST_STEPS + 1)]
    assert metrics["final_loss"] < curve[0][1] - 1
    assert load_pretrained(finished / "checkpoints/second").config.rope_theta == 20000.0
    assert not list((finished / "home/progress").iterdir())


def test_a_stretched_stage_in_8_bits_leaves_a_checkpoint_like_any_other(
    tmp_path: Path, finished: Path, runner: StageRunner
) -> None:
    pytest.importorskip("torchao")
    raw = raw_params()
    # Matrix units take multiples of 16 alone.
    raw["model"] |= {"num_attention_heads": 4, "q_lora_rank": 16, "kv_lora_rank": 16, "qk_nope_head_dim": 12}
    raw["curriculum"]["first"]["token_budget"] = 10 * 128
    stretch: dict[str, Any] = {"factor": 2.0, "original_max_position_embeddings": 32}
    raw["curriculum"]["second"] |= {"rope_theta": 10000.0, "rope_scaling": stretch, "float8": True}
    build_workspace(tmp_path, raw)
    for name in ("first", "second"):
        runner.run(tmp_path, "pretrain", name)
    model = load_pretrained(tmp_path / "checkpoints/second")
    assert model.config.rope_scaling == Yarn(**stretch, mscale=1.0, mscale_all_dim=1.0)
    assert set(model.state_dict()) == set(load_pretrained(finished / "checkpoints/second").state_dict())
    first, second = json.loads((tmp_path / "checkpoints/second/manifest.json").read_text())["facts"]["curriculum"]
    assert (first["rope_scaling"], first["float8"]) == (None, False)
    assert (second["rope_scaling"], second["float8"]) == (stretch, True)
    gguf.export(model, tmp_path / "artifacts/tokenizer/tokenizer.json", "", tmp_path / "small.gguf", "f32", "small")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoints/second", dtype=torch.float32)
    ids_BL = torch.arange(60)[None] % 250
    with torch.no_grad():
        torch.testing.assert_close(model(ids_BL), theirs(ids_BL).logits, rtol=1e-4, atol=1e-5)


def test_whoever_may_read_other_files_may_read_these(finished: Path) -> None:
    mode = (finished / "params.yaml").stat().st_mode
    written = [path for place in OUTPUTS for path in (finished / place).rglob("*") if path.is_file()]
    assert {path.name for path in written if path.stat().st_mode != mode} == set()


def test_the_tracked_run_has_curve_and_costs(finished: Path, runner: StageRunner) -> None:
    client = mlflow.MlflowClient(f"sqlite:///{runner.home / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("trivium")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], "tags.`trivium.stage` = 'pretrain@first'", max_results=50)
    (run,) = [run for run in found if run.info.status == "FINISHED"][-1:]
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in history] == [128 * step for step in range(5, FIRST_STEPS + 1, 5)]
    assert {"final_loss", "seconds", "tokens_per_s", "gradient_norm", "lr_multiplier"} <= run.data.metrics.keys()
    assert {artifact.path for artifact in client.list_artifacts(run.info.run_id)} >= {"loss.png", "plots"}


def test_a_second_run_writes_the_same_bytes(finished: Path, fresh: Path, runner: StageRunner) -> None:
    for name in ("first", "second"):
        runner.run(fresh, "pretrain", name)
    assert file_bytes(fresh, *OUTPUTS) == file_bytes(finished, *OUTPUTS)


def test_killed_at_any_moment_it_continues_to_the_same_bytes(finished: Path, fresh: Path, runner: StageRunner) -> None:
    """SIGKILL three times at random moments, SIGTERM once; the outcome is that of the undisturbed run."""
    goals = sorted(random.sample(range(2, FIRST_STEPS // 2), 4))
    print("signals at steps", goals)
    for number, goal in enumerate(goals):
        process = runner.start(fresh, "pretrain", "first", **EVERY_STEP)
        wait_for(lambda goal=goal: steps_saved(fresh) >= goal, process)
        assert process.pid is not None and process.is_alive()
        os.kill(process.pid, signal.SIGTERM if number == 2 else signal.SIGKILL)
        assert finish(process) == (75 if number == 2 else -signal.SIGKILL)
        assert not (fresh / "checkpoints/first").exists() and not (fresh / "metrics").exists()
        assert goal <= steps_saved(fresh) < FIRST_STEPS
    assert "the work is saved, the same command continues it" in (fresh / "stderr.txt").read_text()
    runner.run(fresh, "pretrain", "first")
    assert file_bytes(fresh, "checkpoints/first", "metrics", "plots/pretrain/first.csv") == file_bytes(
        finished, "checkpoints/first", "metrics/pretrain/first.json", "plots/pretrain/first.csv"
    )
    assert not list((fresh / "home/progress").iterdir())


def test_other_work_starts_afresh(fresh: Path, runner: StageRunner) -> None:
    """What one identity left behind is not what another continues from. The signal comes while the stage loads."""
    process = runner.start(fresh, "pretrain", "first")
    wait_for(lambda: any(fresh.glob("home/progress/*/.lock")), process)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    assert finish(process) == 75
    assert steps_saved(fresh) >= 1
    (left,) = (fresh / "home/progress").iterdir()
    raw = raw_params()
    raw["optimizer"]["muon_lr"] = 0.01
    raw["curriculum"]["first"]["token_budget"] = 128
    build_workspace(fresh, raw)
    runner.run(fresh, "pretrain", "first")
    assert json.loads((fresh / "metrics/pretrain/first.json").read_text())["steps"] == 1
    assert list((fresh / "home/progress").iterdir()) == [left]


def test_two_devices_train_the_same_samples_to_the_same_loss(finished: Path, fresh: Path, runner: StageRunner) -> None:
    """Two ranks over gloo, in the environment torchrun gives them; one writes, both end."""
    (port,) = free_ports(1)
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "TORCHELASTIC_RUN_ID": "test",
        "GROUP_RANK": "0",
    }
    ranks = [
        runner.start(fresh, "pretrain", "first", RANK=str(rank), LOCAL_RANK=str(rank), **shared) for rank in range(2)
    ]
    assert [finish(process) for process in ranks] == [0, 0], (fresh / "stderr.txt").read_text()
    ours, theirs = (
        json.loads((place / "checkpoints/first/manifest.json").read_text())["facts"] for place in (fresh, finished)
    )
    assert ours == theirs  # the same rows by domain, samples and sum of weights
    losses = [
        torch.tensor(
            [float(line.split(",")[1]) for line in (place / "plots/pretrain/first.csv").read_text().split()[1:]]
        )
        for place in (fresh, finished)
    ]
    torch.testing.assert_close(losses[0][:10], losses[1][:10], rtol=1e-3, atol=1e-3)


def test_init_draws_the_same_weights_for_the_tokenizer(fresh: Path, runner: StageRunner) -> None:
    runner.run(fresh, "init")
    first = file_bytes(fresh, "checkpoints/init")
    runner.run(fresh, "init")
    assert file_bytes(fresh, "checkpoints/init") == first
    config = load_pretrained(fresh / "checkpoints/init").config
    assert (config.vocab_size, config.hidden_size) == (272, 16)
    facts = json.loads(first["checkpoints/init/manifest.json"])["facts"]
    assert facts["complete"] is True and facts["schedule_end"] is None


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (("pretrain", "frist"), {}, "pretrain@frist: curriculum.frist: no such stage; did you mean 'first'?"),
        (("pretrain", "second"), {}, "pretrain@second: checkpoints/first/manifest.json: missing"),
        (("pretrain", "first"), {"TRIVIUM_CPU_THREADS": "0"}, "pretrain@first: TRIVIUM_CPU_THREADS = '0': must be"),
        (("init",), {"TRIVIUM_CPU_THREADS": "two"}, "init_model: TRIVIUM_CPU_THREADS = 'two': must be a whole number"),
    ],
)
def test_bad_input_exits_with_2_and_writes_nothing(
    fresh: Path, runner: StageRunner, arguments: tuple[str, ...], environment: dict[str, str], message: str
) -> None:
    before = file_bytes(fresh, "checkpoints")
    assert message in runner.run(fresh, *arguments, code=2, **environment)
    assert file_bytes(fresh, "checkpoints") == before
    assert not (fresh / "metrics").exists() and not (fresh / "plots").exists()
