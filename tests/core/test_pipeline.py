"""The adapter on DVC: the graph as dvc.yaml declares it, and an identity that equals DVC's own run-cache key."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from components.core.dvc.graph import identify, read_graph
from components.core.errors import BadInput

ROOT = Path(__file__).resolve().parents[2]
SMALL = """
stages:
  first:
    cmd: cp source.txt first.txt
    deps: [source.txt]
    params: [a]
    outs: [first.txt]
  second:
    foreach: [x, y]
    do:
      cmd: cat first.txt > ${item}.txt
      deps: [first.txt]
      outs:
        - ${item}.txt
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "dvc.yaml").write_text(SMALL)
    (tmp_path / "params.yaml").write_text("a: 1\n")
    (tmp_path / "source.txt").write_text("text")
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=tmp_path, check=True, env={**os.environ, "DVC_NO_ANALYTICS": "1"})
    return tmp_path


def test_the_projects_graph_is_whole_and_ordered() -> None:
    graph = read_graph(ROOT)
    seen: set[str] = set()
    for node in graph.values():
        assert set(node.upstream) <= seen
        assert node.description
        seen.add(node.name)
    assert {"ingest", "pretrain@agentic", "evaluate@commonsense", "gate", "release"} <= seen


def test_small_graph(small: Path) -> None:
    graph = read_graph(small)
    assert list(graph) == ["first", "second@x", "second@y"]
    assert graph["second@x"].upstream == ("first",)
    assert graph["first"].outs == ("first.txt",)


def test_identity_is_dvcs_run_cache_key(small: Path) -> None:
    before = identify("first", small)
    assert before is not None
    assert identify("second@x", small) is None  # its input does not exist yet
    subprocess.run([sys.executable, "-m", "dvc", "repro", "-q"], cwd=small, check=True)
    keys = {path.name for path in (small / ".dvc" / "cache" / "runs").glob("*/*")}
    assert before.key in keys
    second = identify("second@x", small)
    assert second is not None and second.key in keys
    assert set(second.inputs) == {"first.txt"}


def test_a_changed_parameter_moves_the_identity(small: Path) -> None:
    before = identify("first", small)
    (small / "params.yaml").write_text("a: 2\n")
    after = identify("first", small)
    assert before is not None and after is not None and before.key != after.key


def test_a_broken_graph_is_bad_input(small: Path) -> None:
    (small / "dvc.yaml").write_text("stages:\n  first:\n    kmd: true\n")
    with pytest.raises(BadInput, match=r"dvc\.yaml"):
        read_graph(small)
