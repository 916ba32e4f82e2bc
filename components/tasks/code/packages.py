"""The shipped packages as files in memory, and what their sources define.

Nothing of a package is imported into this process: its text is parsed here and executed in the sandbox alone.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from components.agent.environment import Split
from components.core.errors import BadInput
from components.corpus.documents import SHARD_SUFFIX, read_lines
from components.tasks.code.catalogue import PACKAGES, PackageSpec, Suite

SHIPPED = Path(__file__).parent / "shipped"
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True)
class Package:
    """One package with all its files by path."""

    spec: PackageSpec
    files: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A function, method or class of a source: `first` to `last` are its lines, counted from 1, without decorators."""

    qualname: str
    first: int
    last: int
    is_class: bool

    @property
    def name(self) -> str:
        return self.qualname.rpartition(".")[2]


def package_path(name: str, directory: Path = SHIPPED) -> Path:
    return directory / f"{name}{SHARD_SUFFIX}"


@cache
def load_package(name: str) -> Package:
    """Raises BadInput where the shipped file is missing or torn."""
    spec = next(spec for spec in PACKAGES if spec.name == name)
    path = package_path(name)
    if not path.is_file():
        raise BadInput(f"{path}: missing; run `python -m scripts.build_code_packages`")
    rows = [json.loads(line) for line in read_lines(path)]
    return Package(spec=spec, files={row["path"]: row["text"] for row in rows})


def suites_of(split: Split) -> Iterator[tuple[str, Suite, str]]:
    """Every (package, suite, module) of a split."""
    for spec in PACKAGES:
        if spec.split == split:
            for suite in spec.suites:
                for module in suite.modules:
                    yield spec.name, suite, module


def with_line(source: str, line: int, text: str) -> str:
    """The source with one line (from 1) replaced."""
    lines = source.split("\n")
    lines[line - 1] = text
    return "\n".join(lines)


def is_test_file(path: str) -> bool:
    return any(part.strip("_") in ("test", "tests") for part in path.split("/")[:-1])


@lru_cache(maxsize=256)
def definitions(source: str) -> tuple[Definition, ...]:
    """Functions and classes at the top of a module and inside its classes; none where the source does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    return tuple(_definitions(tree.body, ""))


def _definitions(body: list[ast.stmt], prefix: str) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, FunctionNode | ast.ClassDef):
            is_class = isinstance(node, ast.ClassDef)
            assert node.end_lineno is not None
            yield Definition(qualname=prefix + node.name, first=node.lineno, last=node.end_lineno, is_class=is_class)
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try):
            for inner in ast.iter_child_nodes(node):
                if isinstance(inner, ast.stmt):
                    yield from _definitions([inner], prefix)


@lru_cache(maxsize=256)
def docstring_lines(source: str) -> frozenset[int]:
    """Numbers of the lines inside docstrings, all but the first line of each."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return frozenset()
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode | ast.ClassDef | ast.Module) and node.body:
            statement = node.body[0]
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                assert statement.end_lineno is not None
                found.update(range(statement.lineno + 1, statement.end_lineno + 1))
    return frozenset(found)


@lru_cache(maxsize=256)
def named_tests(source: str) -> tuple[str, ...]:
    """Tests of a test file as pytest names them after the path: `test_take` or `TestTake::test_none`."""
    return tuple(
        found.qualname.replace(".", "::")
        for found in definitions(source)
        if not found.is_class and found.name.startswith("test")
    )
