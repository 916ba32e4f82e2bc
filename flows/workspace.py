"""A run's own place to work: a git worktree that shares the DVC cache and the experiments of the clone it came from.

It starts as the user's working tree stands, uncommitted changes included, with the run's `params.yaml`. Two runs never
tread on each other or on the user's files, and both leave their results under the run's name (`dvc exp save`).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from configobj import ConfigObj
from pydantic import BaseModel, ConfigDict

from components.core.errors import BadInput
from components.core.files import write_text
from components.core.paths import home, repository_root

_RECORD = Path(".dvc") / "tmp" / "trivium-run.json"  # written last: a workspace without it is half-made


class RunRecord(BaseModel):
    """What a workspace is for."""

    model_config = ConfigDict(frozen=True)

    name: str
    flow_run_id: str
    commit: str


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """One run's worktree."""

    path: Path
    record: RunRecord

    @property
    def params_file(self) -> Path:
        return self.path / "params.yaml"


def runs_directory() -> Path:
    return home().resolve() / "runs"


def check_name(name: str) -> None:
    """Raises BadInput if a run's name cannot name an experiment in git."""
    checked = git("check-ref-format", f"refs/exps/00/0000/{name}", check=False)
    if checked.returncode != 0 or "/" in name or name.startswith((".", "-")):
        raise BadInput(f"run name {name!r}: git cannot name an experiment so; use letters, digits and -")


def prepare(name: str, flow_run_id: str, params_text: str) -> Workspace:
    """Make the run's workspace, or take up the one its earlier attempt left.

    Raises BadInput if another run has the name, or there is no commit to start from.
    """
    check_name(name)
    path = runs_directory() / name
    existing = find(name)
    if existing:
        if existing.record.flow_run_id != flow_run_id:
            raise BadInput(f"run name {name!r}: another run's; choose another or `python -m flows remove {name}`")
        return existing
    if experiment(name):
        raise BadInput(f"run name {name!r}: an experiment has it; choose another or `dvc exp remove {name}`")
    head = git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False)
    if head.returncode != 0:
        raise BadInput(f"{repository_root()}: no commit to start a run from; commit first")
    commit = head.stdout.strip()
    _discard(path)
    git("worktree", "add", "--detach", "--quiet", "--no-checkout", str(path), commit)
    git("read-tree", "--reset", "-u", _snapshot(name), root=path)
    _configure_dvc(path)
    write_text(path / "params.yaml", params_text)
    record = RunRecord(name=name, flow_run_id=flow_run_id, commit=commit)
    write_text(path / _RECORD, record.model_dump_json(indent=2) + "\n")
    return Workspace(path=path, record=record)


def find(name: str) -> Workspace | None:
    """The workspace of a run that has not ended well, if it is whole."""
    path = runs_directory() / name
    if not (path / _RECORD).is_file():
        return None
    return Workspace(path=path, record=RunRecord.model_validate_json((path / _RECORD).read_bytes()))


def listed() -> list[Workspace]:
    """Every workspace there is, by name."""
    return [found for path in sorted(runs_directory().glob("*")) if (found := find(path.name))]


def remove(name: str) -> bool:
    """Delete a run's workspace; its cached outputs, tracked runs and experiment stay. Whether there was one."""
    path = runs_directory() / name
    existed = path.exists()
    _discard(path)
    return existed


def save_experiment(workspace: Workspace, stages: Iterable[str]) -> str:
    """Save the workspace as a DVC experiment of the run's name; returns its commit.

    Only `stages` are committed to `dvc.lock`: DVC would otherwise declare stale outputs of the others current.
    """
    with (home() / "experiments.lock").open("w") as lock:  # DVC keeps the state of a save in refs all worktrees share
        fcntl.flock(lock, fcntl.LOCK_EX)
        _dvc("exp", "save", "--force", "--name", workspace.record.name, *stages, root=workspace.path)
    found = experiment(workspace.record.name)
    assert found is not None, "dvc exp save left no experiment"
    return found


def experiment(name: str) -> str | None:
    """Commit of the experiment called `name`, if there is one."""
    found = git("for-each-ref", "--format=%(objectname)", f"refs/exps/*/*/{name}").stdout.split()
    return found[0] if found else None


def experiments(prefix: str) -> list[str]:
    """Names of the experiments that begin with `prefix`."""
    shown = git("for-each-ref", "--format=%(refname:lstrip=4)", "refs/exps/*/*/*").stdout.split()
    return sorted(name for name in shown if name.startswith(prefix))


def read_experiment_file(name: str, path: str) -> str | None:
    """Text of a file as the experiment has it."""
    commit = experiment(name)
    shown = git("show", f"{commit}:{path}", check=False) if commit else None
    return shown.stdout if shown and shown.returncode == 0 else None


def fetch_experiment_output(name: str, path: str, target: Path) -> None:
    """Copy one file of an output, as the experiment has it, out of the cache to `target`. Raises BadInput if there is
    no such experiment or the cache has lost the file."""
    from dvc.api import DVCFileSystem

    commit = experiment(name)
    if commit is None:
        raise BadInput(f"experiment {name!r}: not in this clone; `dvc exp list` names those that are")
    try:
        DVCFileSystem(str(repository_root()), rev=commit).get_file(path, str(target))
    except FileNotFoundError:
        raise BadInput(f"experiment {name!r}: {path} is not in the cache; run the study again") from None


def git(
    *arguments: str, root: Path | None = None, check: bool = True, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run git in `root` (the clone itself by default). Its own words end a failure."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=root or repository_root(),
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done


def _snapshot(name: str) -> str:
    """A git tree of the user's working tree: tracked and untracked files, not the ignored ones.

    It is built in an index of its own, so the user's index and files are only read.
    """
    directory = Path(git("rev-parse", "--path-format=absolute", "--git-common-dir").stdout.strip())
    index = directory / f"trivium-index-{name}"
    try:
        shutil.copyfile(directory / "index", index)  # file times in it spare git from hashing everything again
        own_index = {"GIT_INDEX_FILE": str(index)}
        git("add", "--all", environment=own_index)
        return git("write-tree", environment=own_index).stdout.strip()
    finally:
        index.unlink(missing_ok=True)


def _configure_dvc(path: Path) -> None:
    """Give the worktree the clone's local DVC settings and its cache, and keep its own state inside it."""
    settings = ConfigObj(str(repository_root() / ".dvc" / "config.local"))
    cache = _dvc("cache", "dir", root=repository_root()).strip()
    settings.setdefault("cache", {})["dir"] = str((repository_root() / cache).resolve())
    settings.setdefault("core", {})["site_cache_dir"] = str(path / ".dvc" / "tmp" / "site")
    settings.filename = str(path / ".dvc" / "config.local")
    settings.write()


def _discard(path: Path) -> None:
    if path.exists():
        git("worktree", "remove", "--force", "--force", str(path), check=False)
        shutil.rmtree(path, ignore_errors=True)  # a half-made one is no worktree to git
    git("worktree", "prune")


def _dvc(*arguments: str, root: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"dvc {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
