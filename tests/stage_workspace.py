"""A workspace as stages find it: the repository's parameters made small, programs run in it, the bytes they left."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[1]
_TOY_SHAPE = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "q_lora_rank": 8,
    "kv_lora_rank": 8,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 4,
    "v_head_dim": 8,
}


def toy_params(
    first: Mapping[str, Any], second: Mapping[str, Any], *, row_tokens: Sequence[int], context_tokens: int
) -> dict[str, Any]:
    """params.yaml of the repository with a toy model and a curriculum of two stages, `first` and `second`."""
    raw: dict[str, Any] = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    raw["tokens"]["row_tokens"] = list(row_tokens)
    raw["model"] |= _TOY_SHAPE | {"max_position_embeddings": context_tokens}
    raw["curriculum"] = {"first": dict(first), "second": dict(second)}
    raw["gate"] |= {"candidate": "second", "baseline": "first"}
    return raw


def write_params(root: Path, raw: Mapping[str, Any]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "params.yaml").write_text(yaml.safe_dump(dict(raw), sort_keys=False), encoding="utf-8")


@contextmanager
def inside(directory: Path) -> Iterator[None]:
    """Work in `directory` and come back."""
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def file_bytes(root: Path, *places: str) -> dict[str, bytes]:
    """Content of every file below `places`, or below the root, by path."""
    paths = [path for place in places or (".",) for path in (root / place, *(root / place).rglob("*"))]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(paths) if path.is_file()}


class StageRunner:
    """Runs a package's program in processes of their own, forked from a server that has the imports behind it.

    MLflow's database lies in `home`, everything else of Trivium's in the workspace's own.
    """

    def __init__(self, package: str, imports: Sequence[str], home: Path) -> None:
        self.home = home
        self._package = package
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload([*imports, "mlflow"])

    def start(self, workspace: Path, *arguments: str, **environment: str) -> ForkServerProcess:
        """A program at work; what it writes to standard error is added to the workspace's stderr.txt."""
        settings = {
            "TRIVIUM_HOME": str(workspace / "home"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.home / 'mlflow.db'}",
            "TRIVIUM_CPU_THREADS": "1",
        }
        process = self._context.Process(
            target=_main, args=(self._package, workspace, arguments, settings | environment)
        )
        process.start()
        return process

    def run(self, workspace: Path, *arguments: str, code: int = 0, **environment: str) -> str:
        """What one run, which must exit with `code`, wrote to standard error."""
        log = workspace / "stderr.txt"
        before_bytes = log.stat().st_size if log.exists() else 0
        ended = finish(self.start(workspace, *arguments, **environment))
        said = log.read_bytes()[before_bytes:].decode()
        assert ended == code, said
        return said


def finish(process: ForkServerProcess) -> int:
    """The exit code of a program, when it has ended."""
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _main(package: str, workspace: Path, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    os.chdir(workspace)
    sys.argv = [package, *arguments]
    with (workspace / "stderr.txt").open("a", buffering=1) as stream, redirect_stderr(stream):
        importlib.import_module(f"{package}.__main__").app()
