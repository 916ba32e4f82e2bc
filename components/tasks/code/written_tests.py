"""Tests that an agent writes for a package: the environment they are written in, what one may hold, what it notices.

Calls are evaluated on the right version, a test is run on it, and of the wrong ones the environment only tells how many
the test notices. A test may import names the package itself defines, and pytest, and may not reach for what lies behind
them (sources, code objects, modules): otherwise it could look at the text of a version instead of at what it does.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from components.agent.environment import Observation
from components.tasks.code.environment import ALREADY_SUBMITTED, PackageEnvironment
from components.tasks.code.evaluation import describe_outcome, dotted, evaluate, free_names
from components.tasks.code.packages import FunctionNode, Package, is_test_file, load_package
from components.tasks.code.report import Report, show_report
from components.tasks.code.runner import TestRunner

WRITTEN = "test_written.py"
RAISES = "raises "  # how an observed exception begins
_MOST_TEST_CHARACTERS = 2000
_MOST_EXPRESSION_CHARACTERS = 300
_MOST_SHOWN_CHARACTERS = 300
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_REACHING = frozenset(
    ("eval", "exec", "compile", "open", "getattr", "setattr", "delattr", "vars", "globals", "locals", "dir", "id",
     "hash", "input", "breakpoint", "type", "object", "super", "memoryview", "exit", "quit", "help", "print")
)  # fmt: skip
_OF_PYTEST = frozenset(("raises", "approx", "mark"))
_NO_TEST = Observation(status="error", content="no test is written")


@dataclass(kw_only=True)
class WriteTestEnvironment(PackageEnvironment):
    """A package as it is, and `versions` of it that are wrong: changed files each."""

    module: str
    versions: tuple[dict[str, str], ...]
    shows_tests: bool
    written: str | None = None

    @property
    def files(self) -> Mapping[str, str]:
        return {path: text for path, text in self.package.files.items() if self.shows_tests or not is_test_file(path)}

    def evaluate(self, expression: str) -> Observation:
        if len(expression) > _MOST_EXPRESSION_CHARACTERS:
            return Observation(status="error", content=f"more than {_MOST_EXPRESSION_CHARACTERS} letters")
        outcomes = evaluate(self.runner, self.package.files, self.module, [expression])
        shown = describe_outcome(outcomes[0]) if outcomes is not None else None
        if shown is None:
            return Observation(status="timeout", content="the expression took too long and was stopped")
        return Observation(status="ok", content=_ADDRESS.sub("0x", shown)[:_MOST_SHOWN_CHARACTERS])

    def write_test(self, text: str) -> Observation:
        if self.submitted:
            return ALREADY_SUBMITTED
        fault = refusal(self.package, text)
        if fault:
            return Observation(status="error", content=f"{fault}; nothing written")
        self.written = text
        return show_report(_run(self.runner, self.package, {}, text), WRITTEN)

    def run_mutants(self) -> Observation:
        if self.written is None:
            return _NO_TEST
        if not holds(self.runner, self.package, self.written):
            return Observation(status="error", content="the test does not pass on the right version")
        noticed = self._noticed(self.written)
        return Observation(status="ok", content=f"noticed {noticed} of {count_versions(len(self.versions))}")

    def submit(self) -> Observation:
        if self.written is None:
            return _NO_TEST
        if self.submitted:
            return ALREADY_SUBMITTED
        self.submitted = True
        return Observation(status="ok", content="submitted")

    def _noticed(self, text: str) -> int:
        return sum(notices(self.runner, self.package, changed, text) for changed in self.versions)

    def verify(self, answer: str) -> bool:
        """Whether the submitted test passes on the right version, however that is laid out, and on no wrong one."""
        if not self.submitted or self.written is None:
            return False
        return holds(self.runner, self.package, self.written) and self._noticed(self.written) == len(self.versions)


def count_versions(count: int) -> str:
    return f"{count} wrong version{'s' if count > 1 else ''}"


def importable(package: Package, path: str) -> dict[str, str]:
    """Names a test may import for code of `path`, to the module they come from: those the file defines or has from the
    package, then those the package hands out at its top."""
    name = package.spec.name
    names = dict.fromkeys(_top_names(name, f"{name}/__init__.py"), name)
    return names | dict.fromkeys(_top_names(name, path), dotted(path))


def compose(package: Package, path: str, name: str, shown: Sequence[tuple[str, str]]) -> str:
    """A test called `test_<name>` that states of each expression what `evaluate` showed: a value, or what it raises."""
    known = importable(package, path)
    needed: dict[str, set[str]] = {}
    body: list[str] = []
    for expression, value in shown:
        names = free_names(expression)
        if value.startswith(RAISES):
            where, _, error = value.removeprefix(RAISES).partition(": ")[0].rpartition(".")
            if where:
                needed.setdefault(where, set()).add(error)
            body += [f"    with pytest.raises({error}):", f"        {expression}"]
        else:
            names += free_names(value)
            sign = "is" if value in ("None", "True", "False") else "=="
            body.append(f"    assert {expression} {sign} {value}")
        for needs in names:
            needed.setdefault(known[needs], set()).add(needs)
    head = ["import pytest"] if any("pytest.raises" in line for line in body) else []
    head += [f"from {where} import {', '.join(sorted(needed[where]))}" for where in sorted(needed)]
    return "\n".join([*head, "", "", f"def test_{name}():", *body, ""])


def refusal(package: Package, text: str) -> str | None:
    """Why a written test is not taken, in one line, or None."""
    if len(text) > _MOST_TEST_CHARACTERS:
        return f"more than {_MOST_TEST_CHARACTERS} letters"
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


def holds(runner: TestRunner, package: Package, text: str) -> bool:
    """Whether a test passes in full on the package, and on one written anew from its syntax trees: what it states is
    about what the package does, not about its text."""
    runs = (_run(runner, package, files, text) for files in ({}, rewritten(package)))
    return all(report.passed and set(report.counts) == {"passed"} for report in runs)


def notices(runner: TestRunner, package: Package, changed: Mapping[str, str], text: str) -> bool:
    """Whether a test fails on the package with `changed` files."""
    return _run(runner, package, changed, text).broke


def rewritten(package: Package) -> dict[str, str]:
    """The sources of a package, written anew from their syntax trees."""
    return {path: _rewritten(source) for path, source in package.files.items() if not is_test_file(path)}


@lru_cache(maxsize=256)
def _rewritten(source: str) -> str:
    return ast.unparse(ast.parse(source))


def _run(runner: TestRunner, package: Package, changed: Mapping[str, str], text: str) -> Report:
    return runner.test({**package.files, **changed, WRITTEN: text}, WRITTEN)


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
