"""The schema of params.yaml: complete presets pass, every wrong field is named with a remedy."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.core.errors import BadInput
from components.core.params import load, parse

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def nano() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "presets" / "nano.yaml").read_text())


@pytest.mark.parametrize("path", sorted((ROOT / "presets").glob("*.yaml")), ids=lambda path: path.stem)
def test_presets_are_complete(path: Path) -> None:
    assert load(path).preset == path.stem


def test_active_identity_is_a_preset() -> None:
    active = (ROOT / "params.yaml").read_text()
    assert active in {path.read_text() for path in (ROOT / "presets").glob("*.yaml")}


def change(tree: dict[str, Any], dotted: str, value: object) -> dict[str, Any]:
    changed = copy.deepcopy(tree)
    *path, last = dotted.split(".")
    place = changed
    for part in path:
        place = place[part]
    place[last] = value
    return changed


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("seeed", 3, ["seeed", "did you mean 'seed'"]),
        ("model.hidden_sise", 3, ["model.hidden_sise", "did you mean 'hidden_size'"]),
        ("curriculum.stem.token_bugdet", 3, ["curriculum.stem.token_bugdet", "did you mean 'token_budget'"]),
        ("seed", -1, ["seed = -1", "greater than or equal to 0"]),
        ("optimizer.muon_lr", "fast", ["optimizer.muon_lr = 'fast'"]),
        ("curriculum.stem.init_from", "agentic", ["curriculum.stem.init_from", "'agentic'", "commonsense"]),
        ("curriculum.stem.sequence_tokens", 700, ["curriculum.stem.sequence_tokens", "700", "tokens.row_tokens"]),
        ("curriculum.stem.rope_theta", 500.0, ["curriculum.stem.rope_theta", "may only grow"]),
        ("curriculum.stem.rope_scaling", {"factor": 2, "original_max_position_embeddings": 128}, ["beyond", "factor"]),
        (
            "curriculum.stem.rope_scaling",
            {"factor": 4, "original_max_position_embeddings": 512},
            ["curriculum.longcontext.rope_scaling", "takes back the stretch of stem", "at least 4"],
        ),
        ("curriculum.stem.mixture", {"stem": 0.4}, ["curriculum.stem", "sum to 0.4"]),
        ("curriculum.agentic.agent_tokens", "data/tokens/manifest.json", ["curriculum.agentic", "agent_tokens"]),
        ("curriculum.agentic.schedule.start", 0.5, ["curriculum.agentic.schedule.start", "must not jump"]),
        ("gate.candidate", "agentik", ["gate.candidate", "'agentik'"]),
        ("evaluation.held_out_families", ["arithmetic_add"], ["held_out_families", "arithmetic_add"]),
    ],
)
def test_a_wrong_field_is_named(nano: dict[str, Any], field: str, value: object, words: list[str]) -> None:
    with pytest.raises(BadInput) as caught:
        parse(change(nano, field, value))
    for word in words:
        assert word in str(caught.value)


def test_every_fault_is_listed(nano: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        parse(change(change(nano, "seed", -1), "optimizer.muon_lr", 7))
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_field_is_named_alone(nano: dict[str, Any]) -> None:
    del nano["gate"]["baseline"]
    with pytest.raises(BadInput, match=r"^params\.yaml: gate\.baseline: missing; add it$"):
        parse(nano)


@pytest.mark.parametrize(("text", "word"), [("a: [", "not valid YAML"), ("- 1", "valid dictionary")])
def test_files_that_are_no_mapping(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=word):
        load(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        load(tmp_path / "params.yaml")
