"""Tests that an agent writes for a package: how one is composed, what it may hold, what it notices.

A test may import names the package itself defines, and pytest, and may not reach for what lies behind them (sources,
code objects, modules): otherwise it could look at the text of a version instead of at what it does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache

from components.sandbox import Result
from components.tasks.code.calls import dotted, free_names
from components.tasks.code.mutants import Workshop
from components.tasks.code.packages import FunctionNode, Package, is_test_file, load_package
from components.tasks.code.report import Report, read_report

WRITTEN = "test_written.py"
_MOST_CHARACTERS = 2000
_REACHING = frozenset(
    ("eval", "exec", "compile", "open", "getattr", "setattr", "delattr", "vars", "globals", "locals", "dir", "id",
     "hash", "input", "breakpoint", "type", "object", "super", "memoryview", "exit", "quit", "help", "print")
)  # fmt: skip
_OF_PYTEST = frozenset(("raises", "approx", "mark"))
_RAISES = "raises "


def importable(package: Package, path: str) -> dict[str, str]:
    """Names a test may import for code of `path`, to the module they come from: those the file defines or has from the
    package, then those the package hands out at its top."""
    name = package.spec.name
    names = dict.fromkeys(_top_names(name, f"{name}/__init__.py"), name)
    return names | dict.fromkeys(_top_names(name, path), dotted(path))


def compose(package: Package, path: str, name: str, seen: Sequence[tuple[str, str]]) -> str:
    """A test called `test_<name>` that states of each expression what `evaluate` showed: a value, or what it raises."""
    known = importable(package, path)
    needed: dict[str, set[str]] = {}
    body: list[str] = []
    for expression, shown in seen:
        names = free_names(expression)
        if shown.startswith(_RAISES):
            where, _, error = shown.removeprefix(_RAISES).partition(": ")[0].rpartition(".")
            if where:
                needed.setdefault(where, set()).add(error)
            body += [f"    with pytest.raises({error}):", f"        {expression}"]
        else:
            names += free_names(shown)
            sign = "is" if shown in ("None", "True", "False") else "=="
            body.append(f"    assert {expression} {sign} {shown}")
        for needs in names:
            needed.setdefault(known[needs], set()).add(needs)
    head = ["import pytest"] if any("pytest.raises" in line for line in body) else []
    head += [f"from {where} import {', '.join(sorted(needed[where]))}" for where in sorted(needed)]
    return "\n".join([*head, "", "", f"def test_{name}():", *body, ""])


def refusal(package: Package, text: str) -> str | None:
    """Why a written test is not taken, in one line, or None."""
    if len(text) > _MOST_CHARACTERS:
        return f"more than {_MOST_CHARACTERS} letters"
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        return f"it does not parse: {error}"
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            if not _is_allowed(package, node):
                return f"`{ast.unparse(node)}`: only pytest and names that {package.spec.name} defines may be imported"
        elif not isinstance(node, FunctionNode):
            return f"line {node.lineno}: only imports and test functions, please"
    for inner in ast.walk(tree):
        if isinstance(inner, ast.Import | ast.ImportFrom) and inner not in tree.body:
            return f"line {inner.lineno}: imports stand at the top"
        fault = _reaches(inner)
        if fault:
            return f"{fault}: a test calls the package and looks at what comes back, nothing else"
    if not any(isinstance(node, ast.FunctionDef) and node.name.startswith("test") for node in tree.body):
        return "there is no function whose name begins with test"
    return None


def run_written(workshop: Workshop, package: Package, changed: Mapping[str, str], text: str) -> Result:
    return workshop.test(package, {**changed, WRITTEN: text}, WRITTEN)


def holds(workshop: Workshop, package: Package, text: str) -> bool:
    """Whether a test passes in full on the package, and on one written down again from its syntax trees: what it says
    is about what the package does, not about its text."""
    runs = (run_written(workshop, package, files, text) for files in ({}, again(package)))
    return all(_passed(read_report(run)) for run in runs)


def again(package: Package) -> dict[str, str]:
    """The sources of a package, written down from their syntax trees."""
    return {path: _again(source) for path, source in package.files.items() if not is_test_file(path)}


def notices(workshop: Workshop, package: Package, changed: Mapping[str, str], text: str) -> bool:
    """Whether a test fails on the package with `changed` files."""
    return read_report(run_written(workshop, package, changed, text)).broke


def _passed(report: Report) -> bool:
    return report.passed and set(report.counts) == {"passed"}


@lru_cache(maxsize=256)
def _again(source: str) -> str:
    return ast.unparse(ast.parse(source))


def _is_allowed(package: Package, node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names] == ["pytest"] and node.names[0].asname is None
    path = _file_of(package.spec.name, (node.module or "").replace(".", "/"))
    if node.level or path is None or is_test_file(path):
        return False
    return all(alias.name in _top_names(package.spec.name, path) for alias in node.names)


def _reaches(node: ast.AST) -> str | None:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    if isinstance(node, ast.Name) and name in _REACHING:
        return name
    if name.startswith("__") or (isinstance(node, ast.Attribute) and name.startswith(("co_", "f_", "gi_", "tb_"))):
        return name
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pytest":
        return None if name in _OF_PYTEST else f"pytest.{name}"
    if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pytest.mark" and name != "parametrize":
        return f"pytest.mark.{name}"
    return None


@cache
def _top_names(package: str, path: str) -> frozenset[str]:
    """Names a file defines at its top or takes from its own package; modules are none of them."""
    return frozenset(_names_of(package, path, ast.parse(load_package(package).files[path]).body))


def _names_of(package: str, path: str, body: Sequence[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, FunctionNode | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.ImportFrom):
            source = _source(package, path, node)
            if source is None:
                continue
            for alias in node.names:
                if alias.name == "*":
                    yield from _top_names(package, source)
                elif _file_of(package, f"{source.removesuffix('/__init__.py')}/{alias.name}") is None:
                    yield alias.asname or alias.name
        elif isinstance(node, ast.If | ast.Try):
            yield from _names_of(package, path, node.body)


def _source(package: str, path: str, node: ast.ImportFrom) -> str | None:
    """The other file of the package that an import takes from."""
    parent = path.split("/")[: -node.level] if node.level else []
    found = _file_of(package, "/".join([*parent, *(node.module or "").split(".")]).rstrip("/"))
    return None if found == path else found


def _file_of(package: str, stem: str) -> str | None:
    files = load_package(package).files
    return next((path for path in (f"{stem}.py", f"{stem}/__init__.py") if path in files), None)
