"""A run's workspace: the user's files as they stand, nothing of the user's touched, results under the run's name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.core import paths
from components.core.dvc.survey import survey
from components.core.errors import BadInput
from flows import workspace

IDENTITY = {
    "DVC_NO_ANALYTICS": "1",
    "GIT_AUTHOR_NAME": "T",
    "GIT_AUTHOR_EMAIL": "t@example.org",
    "GIT_COMMITTER_NAME": "T",
    "GIT_COMMITTER_EMAIL": "t@example.org",
}
PIPELINE = """
stages:
  a:
    cmd: sed "s/^/seed /" params.yaml > a.txt
    params: [seed]
    outs: [a.txt]
  b:
    cmd: cat a.txt code.txt > b.txt
    deps: [a.txt, code.txt]
    outs: [b.txt]
  c:
    cmd: cp code.txt c.txt
    deps: [code.txt]
    outs: [c.txt]
"""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small clone with a pipeline that has run once."""
    root = tmp_path_factory.mktemp("original")
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "params.yaml").write_text("seed: 1\n")
    (root / "code.txt").write_text("code\n")
    (root / "old.txt").write_text("old\n")
    (root / ".gitignore").write_text("/.trivium/\n/ignored.txt\n/?.txt\n")
    git(root, "init", "-q")
    dvc(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "start")
    dvc(root, "repro", "-q")
    return root


@pytest.fixture
def clone(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it, with the current directory in it."""
    root = tmp_path / "clone"
    shutil.copytree(original, root, symlinks=True)
    monkeypatch.chdir(root)
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(paths.VARIABLE, raising=False)
    paths.repository_root.cache_clear()
    yield root
    paths.repository_root.cache_clear()


def git(root: Path, *arguments: str) -> str:
    return _run(root, ["git", *arguments])


def dvc(root: Path, *arguments: str) -> str:
    return _run(root, [sys.executable, "-m", "dvc", *arguments])


def _run(root: Path, command: list[str]) -> str:
    environment = {**os.environ, **IDENTITY}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True).stdout


def test_uncommitted_changes_travel_and_the_users_files_stay(clone: Path) -> None:
    (clone / "code.txt").write_text("changed\n")
    (clone / "old.txt").unlink()
    (clone / "new.txt").write_text("new\n")
    (clone / "ignored.txt").write_text("mine\n")
    before, index = git(clone, "status", "--porcelain"), (clone / ".git" / "index").read_bytes()
    made = workspace.prepare("brave-otter", "1", "seed: 2\n")
    assert (made.path / "code.txt").read_text() == "changed\n"
    assert (made.path / "new.txt").read_text() == "new\n"
    assert not (made.path / "old.txt").exists()
    assert not (made.path / "ignored.txt").exists()
    assert made.params_file.read_text() == "seed: 2\n"
    assert (clone / "params.yaml").read_text() == "seed: 1\n"
    assert git(clone, "status", "--porcelain") == before
    assert (clone / ".git" / "index").read_bytes() == index


def test_finished_work_is_restored_and_stale_work_explained(clone: Path) -> None:
    made = workspace.prepare("brave-otter", "1", "seed: 2\n")
    work = survey(made.path)
    assert {name: found.done for name, found in work.items()} == {"a": False, "b": False, "c": True}
    assert work["a"].reasons == ("params.yaml: seed modified",)
    assert work["b"].reasons == ("after a",)
    assert (made.path / "c.txt").read_text() == "code\n"
    assert not (made.path / "b.txt").exists()  # of seed 1: stale here
    assert survey(made.path)["b"].reasons == ("after a",)
    dvc(made.path, "repro", "-q")
    again = workspace.prepare("calm-heron", "2", "seed: 2\n")
    restored = survey(again.path)  # its dvc.lock is the clone's, of seed 1: this comes from the run cache
    assert all(found.done and found.identity for found in restored.values())
    assert (again.path / "b.txt").read_bytes() == (made.path / "b.txt").read_bytes()
    assert "seed 2" not in (clone / "b.txt").read_text() and "seed: 2" not in (clone / "b.txt").read_text()


def test_what_the_cache_lost_is_stale(clone: Path) -> None:
    for path in (clone / ".dvc" / "cache" / "files").rglob("*"):
        if path.is_file():
            path.unlink()
    work = survey(workspace.prepare("brave-otter", "1", "seed: 1\n").path)
    assert not any(found.done for found in work.values())
    assert work["c"].reasons == ("c.txt not in the cache",)


def test_the_experiment_carries_the_runs_name_its_parameters_and_only_finished_stages(clone: Path) -> None:
    (clone / "new.txt").write_text("new\n")
    made = workspace.prepare("brave-otter", "1", "seed: 2\n")
    survey(made.path)
    dvc(made.path, "repro", "-q", "--single-item", "a")
    commit = workspace.save_experiment(made, ["a", "c"])
    assert workspace.experiment("brave-otter") == commit
    assert workspace.read_experiment_file("brave-otter", "params.yaml") == "seed: 2\n"
    assert workspace.read_experiment_file("brave-otter", "new.txt") == "new\n"
    assert git(clone, "rev-parse", f"{commit}^") == git(clone, "rev-parse", "HEAD")
    assert "brave-otter" in dvc(clone, "exp", "list", "--name-only")
    workspace.remove("brave-otter")
    assert workspace.listed() == []
    assert "brave-otter" not in git(clone, "worktree", "list")
    (clone / "params.yaml").write_text("seed: 2\n")
    (clone / "dvc.lock").write_text(workspace.read_experiment_file("brave-otter", "dvc.lock") or "")
    done = {name: found.done for name, found in survey(clone).items()}
    assert done == {"a": True, "b": False, "c": True}  # b was not run with the new a, and is not said to be current


def test_the_same_run_takes_its_workspace_up_again_and_another_may_not(clone: Path) -> None:
    first = workspace.prepare("brave-otter", "1", "seed: 2\n")
    (first.path / "left").write_text("behind")
    assert workspace.prepare("brave-otter", "1", "seed: 3\n") == first
    assert (first.path / "left").exists() and first.params_file.read_text() == "seed: 2\n"
    with pytest.raises(BadInput, match="another run's"):
        workspace.prepare("brave-otter", "2", "seed: 2\n")


def test_a_half_made_workspace_is_made_anew(clone: Path) -> None:
    path = workspace.runs_directory() / "brave-otter"
    path.mkdir(parents=True)
    (path / "rubbish").write_text("")
    made = workspace.prepare("brave-otter", "1", "seed: 2\n")
    assert not (made.path / "rubbish").exists() and (made.path / "code.txt").exists()


def test_a_name_that_git_cannot_bear_is_refused(clone: Path) -> None:
    for name in ("a b", "x/y", "..", "a..b", "-x", "x.lock", "~"):
        with pytest.raises(BadInput, match="run name"):
            workspace.prepare(name, "1", "seed: 2\n")
    assert not (clone / ".trivium" / "runs").exists()


def test_local_dvc_settings_come_along_and_the_cache_is_shared(clone: Path) -> None:
    (clone / ".dvc" / "config.local").write_text("['remote \"mine\"']\n    url = s3://bucket/x\n")
    made = workspace.prepare("brave-otter", "1", "seed: 2\n")
    settings = (made.path / ".dvc" / "config.local").read_text()
    assert "s3://bucket/x" in settings and str(clone / ".dvc" / "cache") in settings
    assert Path(dvc(made.path, "cache", "dir").strip()).samefile(clone / ".dvc" / "cache")
