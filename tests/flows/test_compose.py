"""Parameters from a preset and overrides, and the form that asks for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from components.core.errors import BadInput
from components.core.paths import repository_root
from flows.compose import compose, preset_names, read_overrides, stage_names
from flows.curriculum import curriculum
from flows.forms import Overrides


@pytest.mark.parametrize("preset", preset_names())
def test_a_preset_without_overrides_is_taken_byte_for_byte(preset: str) -> None:
    text, params = compose(preset, {})
    assert text == (repository_root() / "presets" / f"{preset}.yaml").read_text()
    assert params.preset == preset


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), budget=st.integers(1, 10**12), rate=st.floats(1e-6, 0.5))
def test_overrides_change_what_they_name_and_nothing_else(seed: int, budget: int, rate: float) -> None:
    changes = {"seed": seed, "curriculum.stem.token_budget": budget, "optimizer.muon_lr": rate}
    text, params = compose("nano", changes)
    assert params.seed == seed
    assert params.curriculum["stem"].token_budget == budget
    assert params.optimizer.muon_lr == rate
    expected = yaml.safe_load(compose("nano", {})[0])
    expected["seed"] = seed
    expected["curriculum"]["stem"]["token_budget"] = budget
    expected["optimizer"]["muon_lr"] = rate
    assert yaml.safe_load(text) == expected
    assert text.startswith("# ")  # comments stay


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("sed=1", "sed: unknown field; did you mean 'seed'?"),
        ("curriculum.stm.token_budget=1", "did you mean 'stem'?"),
        ("seed.deep=1", "seed"),
        ("seed=none", "seed = 'none'"),
        ("optimizer.muon_lr=3", "optimizer.muon_lr = 3"),
        ("seed", "name=value"),
        ("seed=[1", "not a YAML value"),
    ],
)
def test_a_wrong_override_is_refused_by_name(override: str, complaint: str) -> None:
    with pytest.raises(BadInput) as refused:
        compose("nano", read_overrides([override]))
    assert complaint in str(refused.value)


def test_an_unknown_preset_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(BadInput, match="did you mean 'nano'"):
        compose("nanno", {})


def test_stages_of_all_presets_are_offered() -> None:
    assert {"ingest", "pretrain@agentic", "release"} <= set(stage_names())


def test_the_form_is_flat() -> None:
    """Lists to choose from and scalars, one level deep: Prefect's form breaks on more."""
    schema = curriculum.parameters.model_dump()

    def check(node: dict[str, Any], depth: int) -> None:
        assert not {"anyOf", "oneOf", "items", "additionalProperties"} & set(node) - {"additionalProperties"}
        if "$ref" in node:
            node = schema["definitions"][node["$ref"].rpartition("/")[2]]
        if node.get("type") == "object":
            assert depth < 2
            for child in node["properties"].values():
                check(child, depth + 1)
        else:
            assert node["type"] in {"string", "integer", "number", "boolean"}
            assert "default" in node

    check({"type": "object", "properties": schema["properties"]}, 0)
    assert schema["properties"]["preset"]["enum"] == preset_names()
    assert "pretrain@stem" in schema["properties"]["until"]["enum"]
    assert all(part.get("description") for part in schema["properties"].values())
    json.dumps(schema)


def test_the_form_changes_only_what_was_filled_in() -> None:
    assert Overrides().as_parameters() == {}
    filled = Overrides(seed=0, agentic_token_budget=5, extra_overrides="seed=4; evaluation.episodes=2\n# no\n")
    assert filled.as_parameters() == {"seed": 4, "curriculum.agentic.token_budget": 5, "evaluation.episodes": 2}


@pytest.mark.parametrize("wrong", [{"muon_lr": 2}, {"seed": -2}, {"muon_lrr": 0.1}])
def test_the_form_refuses_values_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Overrides(**wrong)


def test_the_flow_refuses_a_stage_that_is_none() -> None:
    with pytest.raises(Exception, match="did you mean 'release'"):
        curriculum.validate_parameters({"until": "relase"})
