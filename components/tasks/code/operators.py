"""Bugs as operators over the syntax tree: each changes one expression or statement of a function and keeps the rest
of the source, comments and layout too, byte for byte.

The families of faults follow those of mutation testing (boundary, negation, arithmetic, logic, return value, deleted
statement) and of bug injection for code agents. An operator yields replacements of source ranges; a mutation is kept
when the changed source still parses and differs in exactly one line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from components.tasks.code.packages import Definition, FunctionNode, with_line

_MOST_LINES = 60  # of a function that is touched at all, docstring left out
_MOST_LINE_CHARACTERS = 100


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One change of one line inside `function`: the line's number (from 1) and its text before and after."""

    operator: str
    function: Definition
    line: int
    old: str
    new: str

    def apply(self, source: str) -> str:
        assert source.split("\n")[self.line - 1] == self.old, "a mutation belongs to one source"
        return with_line(source, self.line, self.new)


OPERATORS = (
    "comparison_boundary", "comparison_negated", "boolean_swapped", "arithmetic_swapped", "return_none", "off_by_one",
    "dropped_not", "condition_inverted", "swapped_arguments", "wrong_constant", "removed_statement", "wrong_variable",
    "slice_bound", "loop_left",
)  # fmt: skip
_Signs = Mapping[type[ast.AST], tuple[str, str]]
_BOUNDARY: _Signs = {ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">")}
_NEGATED: _Signs = {
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"), ast.Lt: ("<", ">"), ast.Gt: (">", "<"),
    ast.LtE: ("<=", ">"), ast.GtE: (">=", "<"),
}  # fmt: skip
_BOOLEAN: _Signs = {ast.And: ("and", "or"), ast.Or: ("or", "and")}
_ARITHMETIC: _Signs = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+"), ast.Div: ("/", "*"), ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"), ast.Pow: ("**", "*"),
}  # fmt: skip
_AUGMENTED: _Signs = {ast.Add: ("+=", "-="), ast.Sub: ("-=", "+=")}
_FIXED_ORDER = ("isinstance", "issubclass", "getattr", "hasattr")  # swapped arguments would fail at once
_MOST_NUMBER = 100  # a constant that is changed

_Node = ast.expr | ast.stmt
_Place = tuple[int, int]
_Change = tuple[str, _Place, _Place, str]


@dataclass(frozen=True)
class _Text:
    """A source with positions as the syntax tree gives them: lines from 1, columns in UTF-8 bytes."""

    lines: tuple[bytes, ...]

    def of(self, node: _Node) -> str:
        return self.between(_start(node), _end(node))

    def between(self, start: _Place, end: _Place) -> str:
        assert start[0] == end[0]
        return self.lines[start[0] - 1][start[1] : end[1]].decode()

    def sign(self, operator: str, signs: _Signs, sign: ast.AST, left: ast.expr, right: ast.expr) -> Iterator[_Change]:
        """Another sign between two operands on one line."""
        if type(sign) not in signs or left.end_lineno != right.lineno:
            return
        old, new = signs[type(sign)]
        line, column = _end(left)
        found = re.search(r"\s+".join(map(re.escape, old.split())), self.between((line, column), _start(right)))
        if found:
            yield operator, (line, column + found.start()), (line, column + found.end()), new


def _end(node: _Node) -> _Place:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset


def _start(node: _Node) -> _Place:
    return node.lineno, node.col_offset


def _whole(operator: str, node: _Node, text: str) -> Iterator[_Change]:
    if node.lineno == node.end_lineno:
        yield operator, _start(node), _end(node), text


def _changes(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    """What the operators do to one node of a function whose parameters are `names`."""
    match node:
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            yield from text.sign("comparison_boundary", _BOUNDARY, sign, left, right)
            yield from text.sign("comparison_negated", _NEGATED, sign, left, right)
        case ast.BoolOp(op=sign, values=[left, right, *_]):
            yield from text.sign("boolean_swapped", _BOOLEAN, sign, left, right)
        case ast.BinOp(left=left, op=sign, right=right) if not _is_text(left):
            yield from text.sign("arithmetic_swapped", _ARITHMETIC, sign, left, right)
        case ast.AugAssign(target=left, op=sign, value=right):
            yield from text.sign("arithmetic_swapped", _AUGMENTED, sign, left, right)
            yield from _whole("removed_statement", node, "pass")
        case ast.Return(value=ast.expr() as value) if _differ(value, ast.Constant(None)):
            yield from _whole("return_none", node, "return None")
        case ast.Constant(value=bool(value)):
            yield from _whole("wrong_constant", node, str(not value))
        case ast.Constant(value=int(value)) if 0 <= value <= _MOST_NUMBER:
            for other in (value + 1, value - 1)[: 2 if value else 1]:
                yield from _whole("off_by_one", node, str(other))
        case ast.UnaryOp(op=ast.Not(), operand=operand) if node.lineno == node.end_lineno:
            yield from _whole("dropped_not", node, text.of(operand))
        case ast.If(test=test) | ast.IfExp(test=test):
            if isinstance(test, ast.Name | ast.Call | ast.Attribute) and test.lineno == test.end_lineno:
                yield from _whole("condition_inverted", test, f"not {text.of(test)}")
        case ast.Call(func=function, args=[one, other, *_]) if node.lineno == node.end_lineno:
            is_fixed = isinstance(function, ast.Name) and function.id in _FIXED_ORDER
            is_starred = isinstance(one, ast.Starred) or isinstance(other, ast.Starred)
            if not is_fixed and not is_starred and _differ(one, other):
                swapped = text.of(other) + text.between(_end(one), _start(other)) + text.of(one)
                yield "swapped_arguments", _start(one), _end(other), swapped
        case ast.Expr(value=ast.Call()) | ast.Assign(targets=[ast.Attribute() | ast.Subscript(), *_]):
            yield from _whole("removed_statement", node, "pass")
        case ast.Name(id=name, ctx=ast.Load()) if name in names and len(names) > 1:
            yield from _whole("wrong_variable", node, names[(names.index(name) + 1) % len(names)])
        case ast.Slice(lower=lower, upper=upper, step=None):
            for bound in filter(None, (lower, upper)):
                yield from _whole("slice_bound", bound, "")
        case ast.Continue():
            yield from _whole("loop_left", node, "break")


@lru_cache(maxsize=128)
def mutations(source: str, only: str | None = None) -> tuple[Mutation, ...]:
    """Every mutation of a source, or of its function called `only` (`Class.method`), in source order."""
    tree = ast.parse(source)
    text = _Text(tuple(line.encode() for line in source.split("\n")))
    found: dict[Mutation, None] = {}
    for function, node in _functions(tree.body, ""):
        if only is None or function.qualname == only:
            for mutation in _of_function(function, node, text):
                found.setdefault(mutation)
    return tuple(found)


def _of_function(function: Definition, node: FunctionNode, text: _Text) -> Iterator[Mutation]:
    arguments = node.args
    names = tuple(
        argument.arg
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        if argument.arg not in ("self", "cls")
    )
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    if not body or function.last - body[0].lineno >= _MOST_LINES:
        return
    for inner in [found for statement in body for found in _walk(statement)]:
        for operator, (number, first), (_, last), new in _changes(inner, text, names):
            line = text.lines[number - 1]
            old_line, new_line = line.decode(), (line[:first] + new.encode() + line[last:]).decode()
            if old_line == new_line or len(old_line) > _MOST_LINE_CHARACTERS:
                continue
            if _parses(text, function, number, new_line):
                yield Mutation(operator=operator, function=function, line=number, old=old_line, new=new_line)


def _parses(text: _Text, function: Definition, line: int, new: str) -> bool:
    """Whether the function can still be read with its line changed; the rest of the source cannot care."""
    lines = [one.decode() for one in text.lines[function.first - 1 : function.last]]
    lines[line - function.first] = new
    try:
        ast.parse("\n".join(["if True:", *lines] if lines[0][:1].isspace() else lines))
    except SyntaxError:
        return False
    return True


def _functions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[Definition, FunctionNode]]:
    for node in body:
        if isinstance(node, FunctionNode):
            assert node.end_lineno is not None
            qualname = prefix + node.name
            yield Definition(qualname=qualname, first=node.lineno, last=node.end_lineno, is_class=False), node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{prefix}{node.name}.")


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run: no decorators, no annotations, no docstrings, no asserts."""
    if isinstance(node, ast.Assert) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("decorator_list", "returns", "annotation", "args") and not isinstance(node, ast.Call):
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ast.AST):
                yield from _walk(item)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _differ(one: ast.expr, other: ast.expr) -> bool:
    """Whether two expressions are written differently."""
    return ast.dump(one) != ast.dump(other)
