"""Everything that does not fit is refused before training, by name and with a remedy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from training_workspace import FIRST_STEPS, TOKENIZER_SHA256, raw_params, write_shards

from components.core.errors import BadInput
from components.core.lineage import MANIFEST
from components.core.params import parse
from components.training.checkpoint import write_initial
from components.training.execution import Execution
from components.training.layout import CHECKPOINTS
from components.training.preflight import order_seed, plan_stage, require_free
from model.config import Yarn
from model.exchange.hf import load_pretrained


def edit_manifest(directory: Path, **facts: Any) -> None:
    path = directory / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["facts"] |= facts
    path.write_text(json.dumps(manifest), encoding="utf-8")


def become_first(workspace: Path, **facts: Any) -> None:
    """Pass the initial checkpoint off as what stage `first` wrote."""
    shutil.copytree(CHECKPOINTS / "init", CHECKPOINTS / "first")
    path = CHECKPOINTS / "first" / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["producer"] = "pretrain@first"
    path.write_text(json.dumps(manifest), encoding="utf-8")
    edit_manifest(CHECKPOINTS / "first", **{"schedule_end": 1.0, **facts})


def refuse(name: str, match: str, change: Callable[[dict[str, Any]], None] = lambda raw: None) -> None:
    raw = raw_params()
    change(raw)
    with pytest.raises(BadInput, match=match):
        plan_stage(parse(raw), name)


def test_a_stage_that_fits_is_planned(workspace: Path) -> None:
    plan = plan_stage(parse(raw_params()), "first")
    assert (plan.steps, plan.step_tokens) == (FIRST_STEPS, 128)
    assert plan.token_directories == (Path("data/tokens"),)
    become_first(workspace)
    second = plan_stage(parse(raw_params()), "second")
    assert second.token_directories == (Path("data/tokens"), Path("data/trajectory_tokens"))
    assert second.identity != plan.identity
    assert second.order_seed != plan.order_seed == order_seed(1251, "first")


def test_the_identity_follows_what_changes_the_result_and_nothing_else(workspace: Path) -> None:
    def identity(**changes: Any) -> str:
        raw = raw_params()
        raw["curriculum"]["first"] |= changes
        return plan_stage(parse(raw), "first").identity

    assert identity() == identity()
    assert identity(token_budget=9999) != identity()
    before = identity()
    raw = raw_params()
    raw["evaluation"]["episodes"] += 1
    assert plan_stage(parse(raw), "first").identity == before
    write_shards(Path("data/tokens"), ("general", "code", "stem"))
    assert identity() != before


def test_unknown_stage(workspace: Path) -> None:
    refuse("frist", r"curriculum\.frist: no such stage; did you mean 'first'\?")


def test_predecessor_missing(workspace: Path) -> None:
    refuse("second", "checkpoints/first/manifest.json: missing")


def test_predecessor_corrupt(workspace: Path) -> None:
    weights = CHECKPOINTS / "init" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    refuse("first", "model.safetensors: shard is corrupt")


def test_predecessor_incomplete(workspace: Path) -> None:
    edit_manifest(CHECKPOINTS / "init", complete=False)
    refuse("first", r"curriculum\.first\.init_from = 'init': its checkpoint is not complete")


def test_predecessor_of_another_stage(workspace: Path) -> None:
    shutil.copytree(CHECKPOINTS / "init", CHECKPOINTS / "first")
    refuse("second", "producer = 'init_model', but 'pretrain@first' is needed")


def test_shape_differs_from_the_weights(workspace: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["model"]["intermediate_size"] = 48

    refuse("first", r"model\.intermediate_size = 48, but checkpoints/init was built with 32", change)


def test_tokenizer_of_the_shards_differs(workspace: Path) -> None:
    edit_manifest(Path("data/tokens"), tokenizer_sha256="0" * 64)
    refuse("first", "data/tokens: tokenizer_sha256 = '0{64}', but checkpoints/init was built for 'f{64}'")


def test_vocabulary_of_the_trajectories_differs(workspace: Path) -> None:
    become_first(workspace)
    edit_manifest(Path("data/trajectory_tokens"), vocab_size=9)
    refuse("second", "data/trajectory_tokens: vocab_size = 9")


def test_rope_base_shrinks(workspace: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["curriculum"]["first"]["rope_theta"] = 5000.0

    refuse("first", r"curriculum\.first\.rope_theta = 5000\.0: below the 10000\.0 of checkpoints/init", change)


@pytest.mark.parametrize(("factor", "original_tokens"), [(4.0, 32), (1.0, 8)])  # the second no stage could ask for
def test_a_stretch_is_taken_back(workspace: Path, factor: float, original_tokens: int) -> None:
    model = load_pretrained(CHECKPOINTS / "init")
    stretch = Yarn(factor=factor, original_max_position_embeddings=original_tokens)
    model.config = replace(model.config, rope_scaling=stretch)
    write_initial(model, tokenizer_sha256=TOKENIZER_SHA256)
    refuse(
        "first",
        rf"curriculum\.first\.rope_scaling = None: checkpoints/init was stretched by {factor:g} "
        f"from {original_tokens} tokens",
    )


def test_learning_rate_jumps(workspace: Path) -> None:
    become_first(workspace, schedule_end=0.5)
    refuse("second", r"curriculum\.second\.schedule\.start = 1\.0: first ended at 0\.5")


def test_mixture_names_a_domain_without_rows(workspace: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["curriculum"]["first"]["mixture"] = {"general": 0.5, "books": 0.5}

    refuse("first", r"mixture\.books = 0\.5: no rows of 32 tokens .* domains that have some: code, general", change)


def test_span_weights_without_spans(workspace: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["curriculum"]["first"]["loss_weights"] = "spans"

    refuse("first", r"curriculum\.first\.loss_weights = 'spans': only `agent` rows", change)


def test_context_beyond_that_of_the_weights(workspace: Path) -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["model"]["max_position_embeddings"] = 128

    refuse("first", r"model\.max_position_embeddings = 128, but checkpoints/init was built with 64", change)


def test_disk_too_small_for_checkpoints(tmp_path: Path) -> None:
    require_free(tmp_path / "not" / "there", 1)
    with pytest.raises(BadInput, match=r"bytes free, checkpoints need 1,000,000,000,000,000,000"):
        require_free(tmp_path / "not" / "there", 10**18)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("TRIVIUM_MICRO_ROWS", "two", "TRIVIUM_MICRO_ROWS = 'two': not a number"),
        ("TRIVIUM_CHECKPOINT_S", "-1", "TRIVIUM_CHECKPOINT_S = '-1': must be at least 0"),
        ("TRIVIUM_CHECKPOINT_S", "nan", "TRIVIUM_CHECKPOINT_S = 'nan': must be finite"),
        ("TRIVIUM_COMPILE_BLOCKS", "2", "TRIVIUM_COMPILE_BLOCKS = '2': must be at least 0 and at most 1"),
        ("TRIVIUM_MICRO_ROWS", "2.5", "TRIVIUM_MICRO_ROWS = '2.5': must be a whole number"),
    ],
)
def test_execution_settings_that_cannot_be_used(variable: str, value: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Execution.from_environment({variable: value})


def test_a_batch_that_the_devices_cannot_share() -> None:
    Execution(world_size=3).check(batch_rows=6, where="curriculum.x")
    with pytest.raises(BadInput, match=r"curriculum\.x\.batch_rows = 6: does not divide over WORLD_SIZE = 4"):
        Execution(world_size=4).check(batch_rows=6, where="curriculum.x")


def test_compiled_blocks_need_a_gpu() -> None:
    execution = Execution.from_environment({"TRIVIUM_COMPILE_BLOCKS": "1"})
    replace(execution, has_gpu=True).check(batch_rows=6, where="curriculum.x")
    with pytest.raises(BadInput, match="TRIVIUM_COMPILE_BLOCKS = 1: packed documents compile on a GPU alone"):
        replace(execution).check(batch_rows=6, where="curriculum.x")
