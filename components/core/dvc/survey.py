"""What is already done: the other half of the adapter on DVC's Python interface (see components/core/dvc/graph.py).

A survey restores every stage whose work has been done before, from `dvc.lock` or from DVC's run cache, and says of
every other stage what made it stale. It runs nothing but the stage `fingerprint`, which takes a second and says what
the code of the others is now. One process does it all; `dvc repro` starts one per stage.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.core import fingerprint
from components.core.dvc.graph import ALONE, StageIdentity, StageNode, identify, read_graph
from components.core.errors import BadInput

if TYPE_CHECKING:
    from dvc.repo import Repo


_EXPLAINED_CHANGES = 5


@dataclass(frozen=True, kw_only=True)
class StageWork:
    """One stage of a surveyed workspace."""

    node: StageNode
    done: bool
    reasons: tuple[str, ...] = ()
    """What made it stale, e.g. `params.yaml: seed modified`; empty when done."""
    identity: StageIdentity | None = None
    """Of a stage that is done."""


def survey(root: Path) -> dict[str, StageWork]:
    """Restore what is done and explain what is not, for every stage of `dvc.yaml` at `root`, in order.

    Outputs of stages that are not done are deleted, as `dvc repro` would, so that nobody takes them for current: survey
    workspaces, not somebody's working tree. Raises BadInput if the graph cannot be read or a source file is no Python.
    """
    from dvc.repo import Repo

    graph = read_graph(root)
    found: dict[str, StageWork] = {}
    # DVC takes paths of the run cache as relative to the current directory.
    with ALONE, contextlib.chdir(root), _quiet(), Repo(".", _wait_for_lock=True) as repo:
        _check_out(repo, [name for name in graph if _ran_before(repo, name)])
        if fingerprint.STAGE in graph:
            _take_fingerprints(repo)
        status = _status(repo)
        restored: set[str] = set()
        for name, node in graph.items():
            waiting = [upstream for upstream in node.upstream if not found[upstream].done]
            changes = status.get(name, [])
            if restored & set(node.upstream):  # what stood upstream when the status was taken is replaced by now
                changes = _status(repo, name).get(name, [])
            if not changes and not waiting:
                found[name] = StageWork(node=node, done=True)
            elif not waiting and _restore(repo, name):
                restored.add(name)
                found[name] = StageWork(node=node, done=True)
            else:
                why = tuple(_explain(repo, changes, node, waiting)) if _ran_before(repo, name) else ("never ran here",)
                found[name] = StageWork(node=node, done=False, reasons=why)
                _remove_outputs(repo, name)
    return {
        name: StageWork(node=work.node, done=True, identity=identify(name, root)) if work.done else work
        for name, work in found.items()
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """DVC tells each restored stage as if somebody had asked for it alone."""
    loggers = [logging.getLogger(name) for name in ("dvc", "dvc_data")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _check_out(repo: Repo, names: list[str]) -> None:
    """Link what `dvc.lock` names out of the cache. What the cache lacks stays missing and is stale for it."""
    from dvc.exceptions import CheckoutError

    try:
        if names:
            repo.checkout(targets=[_target(repo, name) for name in names], force=True)
    except CheckoutError as error:
        assert error.target_infos, error


def _take_fingerprints(repo: Repo) -> None:
    """Run the stage `fingerprint` if a source file changed: what the others depend on must be of today.

    Raises BadInput if it cannot be taken.
    """
    from dvc.exceptions import ReproductionError

    # The stage's command says `python`: it must be this one.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    try:
        repo.reproduce(targets=[_target(repo, fingerprint.STAGE)], single_item=True, run_env={"PATH": path})
    except ReproductionError as error:
        raise BadInput(f"{error}; `{sys.executable} -m components.fingerprint` says why") from error


def _restore(repo: Repo, name: str) -> bool:
    """Bring a stage's outputs and lock entry from the run cache; whether it knew the stage's present work."""
    from dvc.repo import lock_repo
    from dvc.stage.cache import _can_hash

    with lock_repo(repo):
        probe = repo.stage.load_one(path=_target(repo), name=name)
        if not all(dep.exists for dep in probe.deps):
            return False
        probe.save_deps()
        entry = repo.stage_cache._load(probe) if _can_hash(probe) else None
        if not entry or not repo.stage_cache._create_stage(entry, wdir=probe.wdir).outs_cached():
            return False
        stage = repo.stage.load_one(path=_target(repo), name=name)  # the probe has today's hashes beside old outputs
        repo.stage_cache.restore(stage)
        stage.save()
        stage.dump(update_pipeline=False)
    return True


def _ran_before(repo: Repo, name: str) -> bool:
    """Whether `dvc.lock` has an entry for the stage."""
    stage = repo.stage.load_one(path=_target(repo), name=name)
    return any(bool(dep.hash_info) for dep in stage.deps)


def _status(repo: Repo, *names: str) -> dict[str, list[Any]]:
    """DVC's status by stage name; its own keys depend on the current directory."""
    changed = repo.status(targets=[_target(repo, name) for name in names])
    return {address.rpartition(":")[2]: changes for address, changes in changed.items()}


def _target(repo: Repo, name: str = "") -> str:
    """`dvc.yaml` of this repository, or a stage in it, as DVC takes it from anywhere."""
    path = str(Path(repo.root_dir) / "dvc.yaml")
    return f"{path}:{name}" if name else path


def _explain(repo: Repo, changes: list[Any], node: StageNode, waiting: list[str]) -> list[str]:
    """DVC's status of one stage as short lines, one a change, and the stages that run before it."""
    lines: list[str] = []
    for change in changes:
        if isinstance(change, str):
            lines.append(change)  # "changed command"
            continue
        for path, what in change.get("changed deps", {}).items():
            if Path(path).parent == fingerprint.DIRECTORY:
                lines += _explain_code(repo, node, path)
            elif isinstance(what, Mapping):
                lines += [f"{path}: {field} {how}" for field, how in what.items()]
            else:
                lines.append(f"{path} {what}")
    if waiting:
        lines.append(f"after {', '.join(waiting)}")
    if not lines:
        missing = [path for change in changes for path in change.get("changed outs", {})]
        lines.append(f"{', '.join(missing or node.outs)} not in the cache")
    return lines


def _explain_code(repo: Repo, node: StageNode, path: str) -> list[str]:
    """The definitions that differ from those the stage ran with, if the cache still has these."""
    stage = repo.stage.load_one(path=_target(repo), name=node.name)
    ran_with = next(dep.hash_info.value for dep in stage.deps if dep.def_path == path)
    old = Path(repo.cache.local.oid_to_path(str(ran_with)))
    new = Path(repo.root_dir) / path
    if not old.is_file() or not new.is_file():
        return ["code changed"]
    lines = fingerprint.changed_definitions(json.loads(old.read_bytes()), json.loads(new.read_bytes()))
    more = len(lines) - _EXPLAINED_CHANGES
    return [*lines[:_EXPLAINED_CHANGES], f"and {more} more"] if more > 0 else lines


def _remove_outputs(repo: Repo, name: str) -> None:
    from dvc.repo import lock_repo

    with lock_repo(repo):
        repo.stage.load_one(path=_target(repo), name=name).remove_outs(force=True)
