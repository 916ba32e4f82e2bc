"""What code computes a stage's result, as hashes that comments, docstrings and formatting leave alone.

`components/stages.yaml` says where the code of a stage begins. It is every module reached from there by imports,
without the seams. The stage `fingerprint` writes it to `artifacts/code/<stage>.json`, on which the other stages depend;
work in progress is kept under the same hashes (docs/decisions/0009).
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from components.core.errors import BadInput

STAGE = "fingerprint"
DIRECTORY = Path("artifacts/code")
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("components", "model")
_STAGES = "components/stages.yaml"

# Modules that carry values between stages and report on them, and compute no result. Were they part of it, one more
# field in the schema would retrain every model. What else stands in components.core is part of it.
SEAMS = (
    "components.core.dvc",
    "components.core.errors",
    "components.core.files",
    "components.core.fingerprint",
    "components.core.lineage",
    "components.core.params",
    "components.core.paths",
    "components.core.process",
    "components.core.progress",
    "components.core.retries",
    "components.core.stage",
    "components.core.storage",
    "components.core.tracking",
    "components.core.validation",
    # It chooses families by name. The modules it chooses are part of the stage, so one more entry changes nothing.
    "components.tasks.kit.registry",
)
IMPORTS, BODY = "(imports)", "(module)"

Code = dict[str, dict[str, str]]
"""The hash of every definition, by module."""

_FILE_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)*")
_PYTHON_FILE = re.compile(r"(\w+)\.py")
_IMPORT_IN_TEXT = re.compile(r"\b(?:from|import) (\w+(?:\.\w+)*)")  # of a program given to another process
PAPERS = re.compile(r"(README|NOTICE|LICENCE|LICENSE)\b")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IGNORED_FIELDS = frozenset(("ctx", "kind", "type_comment"))


def stage_names(root: Path = ROOT) -> list[str]:
    """The stages whose code is known, foreach stages once."""
    return list(_read_yaml(root / _STAGES))


def stage_code(
    stage: str,
    families: Mapping[str, str],
    *,
    root: Path = ROOT,
    params: Path = Path("params.yaml"),
    sources: Sources | None = None,
) -> Code:
    """The code that computes a stage, with that of the task families it needs.

    All entries of a foreach stage share their code. `families` gives the module of each family by name; `params` is
    the file that says which are named; one that does not exist is left to the stage to refuse. `sources` may be shared
    by several calls. Raises BadInput for a stage that `components/stages.yaml` does not have.
    """
    name = stage.partition("@")[0]
    begins = _read_yaml(root / _STAGES).get(name)
    if begins is None:
        raise BadInput(f"{root / _STAGES}: {name}: missing; name the module where its code begins")
    entries: list[str] = list(begins["code"])
    fields = begins.get("families", [])
    values = _read_yaml(params) if fields else {}
    entries += [families[family] for field in fields for family in _field(values, field) if family in families]
    sources = sources or Sources(root)
    return {module: sources.definitions(module) for module in sorted(sources.closure(entries))}


def code_hash(stage: str, families: Mapping[str, str] = {}) -> str:
    """One hash of `stage_code`, of the code that runs here and the `params.yaml` of the working directory."""
    return _hash(json.dumps(stage_code(stage, families), sort_keys=True).encode())


def changed_definitions(old: Code, new: Code) -> list[str]:
    """What differs, e.g. `components.training.muon.Muon.step changed`; a module that came or went is one line."""
    lines: list[str] = []
    for module in sorted(old.keys() | new.keys()):
        if module not in old or module not in new:
            lines.append(f"{module} {'added' if module in new else 'removed'}")
            continue
        before, after = old[module], new[module]
        for name in sorted(before.keys() | after.keys()):
            if before.get(name) != after.get(name):
                how = "changed" if name in before and name in after else "added" if name in after else "removed"
                lines.append(f"{module} {name} {how}" if name in (IMPORTS, BODY) else f"{module}.{name} {how}")
    return lines


class Sources:
    """The modules below a root. Each is read once."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root
        self._modules: dict[str, _Module | None] = {}
        self._homes = dict.fromkeys(PACKAGES, root)

    def closure(self, entries: Iterable[str]) -> set[str]:
        """The modules reached from `entries`, packages included, seams left out. Raises BadInput for no module."""
        found: set[str] = set()
        waiting = list(entries)
        for entry in waiting:
            self._add_home(entry)
            if self._module(entry) is None:
                raise BadInput(f"{entry}: no such module; correct {_STAGES} or the registry of task families")
        while waiting:
            name = waiting.pop()
            if name in found or any(name == seam or name.startswith(f"{seam}.") for seam in SEAMS):
                continue
            module = self._module(name)
            if module is not None:
                found.add(name)
                waiting += [*module.imports, *_parents(name)]
        return found

    def definitions(self, module: str) -> dict[str, str]:
        """The hash of every definition of a module, and of the data files it names."""
        found = self._module(module)
        assert found is not None
        return found.definitions

    def data_files(self, module: str) -> dict[str, Path]:
        """The files beside a module, other than Python, that it names, by their path from there."""
        found = self._module(module)
        assert found is not None
        return found.data_files

    def _module(self, name: str) -> _Module | None:
        if name not in self._modules:
            home = self._homes.get(name.partition(".")[0])
            stem = home / name.replace(".", "/") if home else None
            paths = (stem / "__init__.py", stem.with_suffix(".py")) if stem else ()
            path = next((path for path in paths if path.is_file()), None)
            self._modules[name] = _Module(name, path, self._root) if path else None
        return self._modules[name]

    def _add_home(self, name: str) -> None:
        """Let a task family of another distribution be found: its top package, wherever it is installed."""
        top = name.partition(".")[0]
        if top not in self._homes:
            spec = importlib.util.find_spec(top)
            if spec is not None and spec.origin is not None:
                path = Path(spec.origin)
                self._homes[top] = path.parents[1] if path.name == "__init__.py" else path.parent


@dataclass(frozen=True)
class _Module:
    name: str
    path: Path
    root: Path

    @cached_property
    def imports(self) -> set[str]:
        """Names it imports anywhere but for type checkers, of modules or of what stands in them."""
        package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
        found: set[str] = set()
        for node in self._read.imports:
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            else:
                above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
                origin = ".".join([*above, node.module] if node.module else above)
                found.update((origin, *(f"{origin}.{alias.name}" for alias in node.names)))
        for text in self._read.texts:
            found.update(_IMPORT_IN_TEXT.findall(text))
            if file := _PYTHON_FILE.fullmatch(text):
                found.add(f"{package}.{file[1]}")
        return found

    @cached_property
    def data_files(self) -> dict[str, Path]:
        """A string that is the name of a file beside the module, or a path from the root, names it; a directory beside
        the module is named where the string is joined to a path by `/`."""
        found: dict[str, Path] = {}
        beside = {path.name for path in self.path.parent.iterdir()}
        for text in self._read.texts:
            top, _, below = text.partition("/")
            if top not in beside and not (top in PACKAGES and below and _FILE_NAME.fullmatch(text)):
                continue
            home = self.path.parent if top in beside else self.root
            path = home / text
            if path.is_dir():
                if (path / "__init__.py").exists() or (home != self.root and text not in self._read.joined):
                    continue
                files = [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
                found |= {file.relative_to(home).as_posix(): file for file in files if not PAPERS.match(file.name)}
            elif path.is_file() and path.suffix != ".py" and not PAPERS.match(path.name):
                found[text] = path
        return found

    @cached_property
    def definitions(self) -> dict[str, str]:
        hashes = {name: _hash("\n".join(texts).encode()) for name, texts in self._read.parts.items() if texts}
        return hashes | {name: _hash(path.read_bytes()) for name, path in self.data_files.items()}

    @cached_property
    def _read(self) -> _Reading:
        source = self.path.read_bytes()
        try:
            return _read(source)
        except SyntaxError as error:
            raise BadInput(f"{self.path}: line {error.lineno}: {error.msg}") from None


class _Reading:
    """A module's syntax tree, read once: its definitions as text, its imports, its strings and those after a `/`."""

    def __init__(self, tree: ast.Module) -> None:
        self.imports: list[ast.Import | ast.ImportFrom] = []
        self.texts: set[str] = set()
        self.joined: set[str] = set()
        self.parts: dict[str, list[str]] = {IMPORTS: [], BODY: []}
        for statement in tree.body:
            self._add(statement)
        self.parts[IMPORTS].sort()

    def _add(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self.imports.append(statement)
            origin = f"{'.' * statement.level}{statement.module}." if isinstance(statement, ast.ImportFrom) else ""
            self.parts[IMPORTS] += [f"{origin}{alias.name} as {alias.asname}" for alias in statement.names]
        elif isinstance(statement, _FUNCTIONS):
            self.parts.setdefault(statement.name, []).append(self.describe(statement))
        elif isinstance(statement, ast.ClassDef):
            for method in statement.body:
                if isinstance(method, _FUNCTIONS):
                    self.parts.setdefault(f"{statement.name}.{method.name}", []).append(self.describe(method))
            statement.body = [node for node in statement.body if not isinstance(node, _FUNCTIONS)]
            self.parts.setdefault(statement.name, []).append(self.describe(statement))
        elif not _does_nothing(statement):
            self.parts[BODY].append(self.describe(statement))

    def describe(self, node: ast.AST) -> str:
        """A syntax tree as text: the same for the same code, whatever its comments, docstrings and layout, and the same
        on every version of Python that reads it."""
        words: list[str] = []
        self._describe(node, words)
        return "".join(words)

    def _describe(self, node: ast.AST, words: list[str]) -> None:
        words.append(f"{node.__class__.__name__}(")
        for name in node._fields:
            field = getattr(node, name, None)
            if field is None or field == [] or name in _IGNORED_FIELDS:
                continue
            words.append(f"{name}=")
            if isinstance(field, ast.AST):
                self._describe(field, words)
            elif isinstance(field, list):
                for item in field:
                    if not isinstance(item, ast.AST):
                        words.append(f"{item!r},")
                    elif not _does_nothing(item):
                        self._describe(item, words)
            else:
                words.append(f"{field!r},")
        words.append(")")
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.texts.add(node.value)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
            self.joined.add(str(node.right.value))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self.imports.append(node)


@cache
def _read(source: bytes) -> _Reading:
    return _Reading(ast.parse(source))


def _does_nothing(node: ast.AST) -> bool:
    """Whether a statement is a bare string, as a docstring is, or for type checkers alone."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
        and not node.orelse
    )


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _read_yaml(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)


def _field(values: Any, dotted: str) -> Any:
    for part in dotted.split("."):
        values = values[part]
    return values
