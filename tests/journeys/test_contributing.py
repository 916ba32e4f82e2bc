"""CONTRIBUTING.md is true: each of its recipes is carried out in a clone and does what it promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from journey_clone import ROOT, Clone, clone_project
from recipes import carry_out

from components.core.dvc.graph import read_graph
from components.corpus.documents import read_documents

FAMILY = "math_shopping"


@pytest.fixture(scope="module")
def contributor(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with one small source and few episodes, where recipes are carried out one after the other."""
    clone = clone_project(tmp_path_factory.mktemp("contributor"))
    params = yaml.safe_load((clone.root / "params.yaml").read_text(encoding="utf-8"))
    params["corpus"]["sources"] = ["factbook"]
    params["trajectories"]["families"] = {"arithmetic_add": 20}
    (clone.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    return clone


def test_a_family_of_one_file_is_played_held_to_the_contract_synthesised_and_checked(contributor: Clone) -> None:
    printed = carry_out(contributor, "Add a task family")
    played, tested, measured, *_ = printed.values()
    assert "wrong" in played and "recovery" in played and "verdict: success" in played
    assert " passed" in tested and "failed" not in tested and "skipped" not in tested
    rows = json.loads(measured.splitlines()[-1])["rows"]
    assert {row["split"]: row["solved"] for row in rows} == {"train": 50, "heldout": 50}
    page = (contributor.root / "docs/gallery.md").read_text(encoding="utf-8")
    assert page.count(f"### {FAMILY}\n") == 1
    for line in (ROOT / "docs/gallery.md").read_text(encoding="utf-8").splitlines():
        assert not line.startswith("### ") or line in page, "families that were not asked for stay"
    records = list((contributor.root / "data/trajectories").rglob(f"{FAMILY}*"))
    assert records
    metrics = json.loads((contributor.root / "metrics/check_trajectories.json").read_text(encoding="utf-8"))
    assert metrics["quarantined"] == 0


def test_a_source_is_ingested(contributor: Clone) -> None:
    printed = carry_out(contributor, "Add a corpus source")
    pinned = yaml.safe_load((contributor.root / "components/corpus/catalogue.yaml").read_text(encoding="utf-8"))
    (shown, *_) = printed.values()
    assert shown.split()[0] == pinned["sources"]["proverbs"]["sha256"]
    texts = [document.text for document in read_documents(contributor.root / "data/raw/proverbs")]
    assert len(texts) == 2 and any("stitch" in text for text in texts)


def test_a_stage_stands_in_the_graph_and_runs(contributor: Clone) -> None:
    carry_out(contributor, "Add a stage")
    assert "ingest" in read_graph(contributor.root)["corpus_lengths"].upstream
    written = json.loads((contributor.root / "data/corpus_lengths/lengths.json").read_text(encoding="utf-8"))
    assert written["longest_characters"]["factbook"] > 0


def test_a_preset_is_validated_and_planned(contributor: Clone) -> None:
    (*_, planned) = carry_out(contributor, "Add a preset").values()
    assert "pretrain@agentic" in planned and "16,384" in planned.replace("16384", "16,384")


def test_every_block_of_the_page_is_carried_out() -> None:
    """No code stands outside the recipes."""
    text = Path(ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert "```" not in text.split("\n## ", 1)[0]
