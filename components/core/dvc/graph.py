"""The one adapter on DVC's Python interface: the graph of `dvc.yaml` and the identity of a stage's work.

DVC promises its command line and file formats, not these internals; everything that needs them comes through here.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.core.errors import BadInput

if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import PipelineStage


# DVC looks at the process's current directory, which a survey changes: one thread of a process works with it at a time.
ALONE = threading.RLock()


@dataclass(frozen=True, kw_only=True)
class StageNode:
    """One stage of the graph."""

    name: str
    description: str
    command: str
    deps: tuple[str, ...]
    outs: tuple[str, ...]
    upstream: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class StageIdentity:
    """What a stage's work is made of: DVC's run-cache key and the hashes of its inputs."""

    key: str
    inputs: dict[str, str]


def read_graph(root: Path = Path()) -> dict[str, StageNode]:
    """All stages of `dvc.yaml` at `root`, every one after those it depends on.

    Raises BadInput if the file cannot be read as a graph.
    """
    import networkx
    from dvc.exceptions import DvcException

    try:
        with ALONE, _open(root) as repo:
            graph = repo.index.graph  # an edge points from a stage to the one it depends on
            # Those that most others wait for come first, so that who starts stages in this order keeps the longest
            # chain moving; names decide the rest.
            waiting = {stage: len(networkx.ancestors(graph, stage)) for stage in graph}
            order = networkx.lexicographical_topological_sort(
                graph.reverse(), key=lambda stage: (-waiting[stage], stage.name)
            )
            return {stage.name: _node(stage, graph) for stage in order}
    except DvcException as error:
        raise BadInput(f"{root / 'dvc.yaml'}: {error}") from error


def identify(stage_name: str, root: Path = Path()) -> StageIdentity | None:
    """The identity of a stage's work now; None while an input is missing."""
    from dvc.dependency.param import ParamsDependency
    from dvc.stage.cache import _can_hash, _get_stage_hash

    with ALONE, _open(root) as repo:
        stage = repo.stage.load_one(path=str(root.resolve() / "dvc.yaml"), name=stage_name)
        if not all(dep.exists for dep in stage.deps):
            return None
        stage.save_deps()
        if not _can_hash(stage):
            return None
        inputs = {
            dep.def_path: str(dep.get_hash().value) for dep in stage.deps if not isinstance(dep, ParamsDependency)
        }
        return StageIdentity(key=_get_stage_hash(stage), inputs=inputs)


def _open(root: Path) -> Repo:
    from dvc.repo import Repo

    return Repo(str(root.resolve()))


def _node(stage: PipelineStage, graph: object) -> StageNode:
    import networkx

    assert isinstance(graph, networkx.DiGraph)
    return StageNode(
        name=stage.name,
        description=stage.desc or "",
        command=str(stage.cmd),
        deps=tuple(dep.def_path for dep in stage.deps),
        outs=tuple(out.def_path for out in stage.outs),
        upstream=tuple(sorted(other.name for other in graph.successors(stage))),
    )


def pull_run_cache(stage_name: str, root: Path = Path()) -> bool:
    """Fetch the remote's run cache; whether it knows the outputs of this stage's work as it stands now.

    Ask before `dvc repro --pull`: without an entry that command would run the stage here.
    """
    identity = identify(stage_name, root)
    if identity is None:
        return False
    with _open(root) as repo:
        repo.stage_cache.pull(None)
        return (Path(repo.stage_cache.cache_dir) / identity.key[:2] / identity.key).is_dir()
