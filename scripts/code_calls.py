"""Candidate calls for `scripts.find_code_calls`: those a package's tests make, as closed expressions, and neighbours.

Calls are read from the tests' text, with local variables replaced by what was assigned to them, or recorded in a run of
the tests. Nothing is executed in this process. A neighbour differs in one place: a number by one, an item more or less,
another argument, an empty text.
"""

from __future__ import annotations

import ast
import copy
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from components.core.errors import BadInput
from components.tasks.code.packages import FunctionNode, Package, is_test_file
from components.tasks.code.runner import PYTEST, TestRunner

MOST_CHARACTERS = 90  # of an expression
_RECORDER = "record_code_calls"
_Value = str | bool | int | float | None
_FILLERS: tuple[_Value, ...] = (None, 0, 1, 2, -1, True, False, "", "x")
_OPEN = ("self", "cls")


def record_calls(runner: TestRunner, package: Package, tests: str) -> dict[str, list[str]]:
    """`path:qualname` to the calls of it that a run of the test file leads to."""
    files = {**package.files, f"{_RECORDER}.py": Path(__file__).with_name(f"{_RECORDER}.py").read_text()}
    result = runner.run(files, [*PYTEST, f"-p{_RECORDER}", tests])
    line = next((line for line in result.output.splitlines() if line.startswith("{")), None)
    if line is None or result.truncated:
        raise BadInput(f"{package.spec.name}: {tests} gave no record of its calls ({result.ending})")
    calls: dict[str, list[str]] = json.loads(line)
    return calls


def written_calls(package: Package) -> list[str]:
    """Every closed call that stands in the package's tests, simplest first."""
    found: dict[str, None] = {}
    for path, text in package.files.items():
        if is_test_file(path):
            tree = ast.parse(text)
            aliases = _module_aliases(tree)
            known: dict[str, ast.expr] = {}
            for expression in _in_body(tree.body, known):
                spelt = spell(_Rename(aliases).visit(copy.deepcopy(expression)))
                if spelt is not None:
                    found[spelt] = None
    return sorted(found, key=simplicity)


def simplicity(expression: str) -> tuple[int, str]:
    return len(expression), expression


def spell(expression: ast.expr) -> str | None:
    """The expression as text; None where it is too long or of several lines."""
    text = ast.unparse(ast.fix_missing_locations(expression))
    return text if len(text) <= MOST_CHARACTERS and "\n" not in text else None


def neighbours(expression: str, parameters: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Expressions that differ in one place. `parameters` names those of the functions it may call, by bare name."""
    tree = ast.parse(expression, mode="eval").body
    for number, node in enumerate(ast.walk(tree)):
        for other in _variants(node, parameters):
            spelt = spell(_replaced(tree, number, other))
            if spelt is not None and spelt != expression:
                yield spelt


def _replaced(tree: ast.expr, number: int, new: ast.AST) -> ast.expr:
    changed = copy.deepcopy(tree)
    old = list(ast.walk(changed))[number]
    if old is changed:
        assert isinstance(new, ast.expr)
        return new
    for parent in ast.walk(changed):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list):
                value[:] = [new if item is old else item for item in value]
    return changed


def _variants(node: ast.AST, parameters: Mapping[str, Sequence[str]]) -> Iterator[ast.AST]:
    if isinstance(node, ast.Constant):
        yield from (ast.Constant(value) for value in _other_values(node.value))
    elif isinstance(node, ast.List | ast.Tuple):
        for elements in _other_items(node.elts):
            yield type(node)(elts=elements, ctx=ast.Load())
    elif isinstance(node, ast.Slice):
        for bound in ("lower", "upper", "step"):
            for value in (None, 0, 1, 2, -1, -2):
                yield ast.Slice(**{**_fields(node), bound: None if value is None else _number(value)})
    elif isinstance(node, ast.Call):
        yield from _other_calls(node, parameters)


def _fields(node: ast.AST) -> dict[str, Any]:
    return dict(ast.iter_fields(node))


def _number(value: int) -> ast.expr:
    return ast.UnaryOp(ast.USub(), ast.Constant(-value)) if value < 0 else ast.Constant(value)


def _other_values(value: object) -> Iterator[_Value]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from dict.fromkeys((value + 1, value - 1, 0, 1, -1, -value))
    elif isinstance(value, str):
        others = ["", value[1:], value[:-1], value + value[-1:], value.upper(), value.lower(), f"{value} ", f"%{value}"]
        others += [
            value[:at] + other + value[at + 1 :] for at, letter in enumerate(value) for other in _letters(letter)
        ]
        yield from dict.fromkeys(others)
    elif value is None:
        yield from (0, 1, "", "x")


def _letters(letter: str) -> tuple[str, ...]:
    if letter.isdigit():
        return tuple(other for other in ("0", "1", "9", str((int(letter) + 1) % 10)) if other != letter)
    return ("",)


def _other_items(items: list[ast.expr]) -> Iterator[list[ast.expr]]:
    yield []
    for at in range(len(items)):
        yield items[:at] + items[at + 1 :]
    if items:
        yield [*items, items[0]]
        yield [*items, items[-1]]
        yield items[::-1]


def _other_calls(call: ast.Call, parameters: Mapping[str, Sequence[str]]) -> Iterator[ast.Call]:
    fields = _fields(call)
    for at in range(len(call.args)):
        yield ast.Call(**{**fields, "args": call.args[:at] + call.args[at + 1 :]})
    for at in range(len(call.keywords)):
        yield ast.Call(**{**fields, "keywords": call.keywords[:at] + call.keywords[at + 1 :]})
    if len(call.args) > 1:
        yield ast.Call(**{**fields, "args": [call.args[1], call.args[0], *call.args[2:]]})
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = {keyword.arg for keyword in call.keywords}
    known = parameters.get(name, ())
    yield from (
        ast.Call(**{**fields, "args": [*call.args, ast.Constant(value)]}) for value in (None, 0, 1, "x") if known
    )
    for parameter in known[len(call.args) :]:
        if parameter not in given:
            for value in _FILLERS:
                more = ast.keyword(arg=parameter, value=ast.Constant(value))
                yield ast.Call(**{**fields, "keywords": [*call.keywords, more]})


def parameters_of(package: Package) -> dict[str, list[str]]:
    """The parameters of every function of the package by its bare name; a class has those of its `__init__`."""
    found: dict[str, list[str]] = {}
    for path, text in package.files.items():
        if is_test_file(path):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, FunctionNode) and inner.name == "__init__":
                        found[node.name] = _parameters(inner)
            elif isinstance(node, FunctionNode):
                found.setdefault(node.name, _parameters(node))
    return found


def _parameters(node: FunctionNode) -> list[str]:
    arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    return [argument.arg for argument in arguments if argument.arg not in _OPEN]


def _module_aliases(tree: ast.Module) -> set[str]:
    """Names under which a test file knows whole modules: what it takes from them is written without them."""
    return {
        alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }


class _Rename(ast.NodeTransformer):
    """`mi.take` becomes `take`."""

    def __init__(self, aliases: set[str]) -> None:
        self._aliases = aliases

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:  # the name ast asks for
        if isinstance(node.value, ast.Name) and node.value.id in self._aliases:
            return ast.Name(node.attr, ast.Load())
        return self.generic_visit(node)


class _Inline(ast.NodeTransformer):
    def __init__(self, known: Mapping[str, ast.expr]) -> None:
        self._known = known

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if isinstance(node.ctx, ast.Load) and node.id in self._known:
            return copy.deepcopy(self._known[node.id])
        return node


def _in_body(body: Iterable[ast.stmt], known: dict[str, ast.expr]) -> Iterator[ast.expr]:
    """Calls and comparisons in statements, with the names in `known` replaced; `known` grows by assignments."""
    for statement in body:
        inner = [item for item in ast.iter_child_nodes(statement) if isinstance(item, ast.stmt)]
        if isinstance(statement, FunctionNode | ast.ClassDef):
            yield from _in_body(inner, dict(known))
            continue
        yield from (found for item in ast.iter_child_nodes(statement) for found in _in_expression(item, known))
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            value = _Inline(known).visit(copy.deepcopy(statement.value))
            known[statement.targets[0].id] = value
        yield from _in_body(inner, known)


def _in_expression(node: ast.AST, known: Mapping[str, ast.expr]) -> Iterator[ast.expr]:
    if isinstance(node, ast.stmt):
        return
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call | ast.Subscript | ast.Compare):
            whole = _Inline(known).visit(copy.deepcopy(inner))
            if not any(isinstance(name, ast.Name) and name.id in _OPEN for name in ast.walk(whole)):
                yield whole
        if isinstance(inner, ast.Call) and getattr(inner.func, "attr", "") == "assertRaises" and len(inner.args) > 1:
            called = ast.Call(func=inner.args[1], args=inner.args[2:], keywords=inner.keywords)
            yield _Inline(known).visit(copy.deepcopy(called))
