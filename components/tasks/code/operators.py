"""Bugs as operators over the syntax tree: each changes one expression or statement of a function and keeps the rest
of the source, comments and layout too, byte for byte.

The families of faults follow those of mutation testing (boundary, negation, arithmetic, logic, return value, deleted
statement) and of bug injection for code agents. An operator yields replacements of source ranges; a mutation is kept
when the changed source still parses and differs in exactly one line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
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


@dataclass(frozen=True)
class _Text:
    """A source with positions as the syntax tree gives them: lines from 1, columns in UTF-8 bytes."""

    lines: tuple[bytes, ...]

    def of(self, node: ast.expr | ast.stmt) -> str:
        return self.between((node.lineno, node.col_offset), _end(node))

    def between(self, start: tuple[int, int], end: tuple[int, int]) -> str:
        assert start[0] == end[0]
        return self.lines[start[0] - 1][start[1] : end[1]].decode()


_Place = tuple[int, int]
_Change = tuple[_Place, _Place, str]
_Operator = Callable[[ast.AST, _Text, tuple[str, ...]], Iterator[_Change]]


def _end(node: ast.expr | ast.stmt) -> _Place:
    assert node.end_lineno is not None and node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset


def _start(node: ast.expr | ast.stmt) -> _Place:
    return node.lineno, node.col_offset


def _whole(node: ast.expr | ast.stmt, text: str) -> Iterator[_Change]:
    if node.lineno == node.end_lineno:
        yield _start(node), _end(node), text


def _token(text: _Text, left: ast.expr, right: ast.expr, old: str, new: str) -> Iterator[_Change]:
    """The operator sign between two operands on one line."""
    if left.end_lineno != right.lineno:
        return
    start, between = _end(left), text.between(_end(left), _start(right))
    found = re.search(r"\s+".join(map(re.escape, old.split())), between)
    if found:
        line, column = start
        yield (line, column + found.start()), (line, column + found.end()), new


_BOUNDARY = {ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">")}
_NEGATED = {
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"), ast.Lt: ("<", ">"), ast.Gt: (">", "<"),
    ast.LtE: ("<=", ">"), ast.GtE: (">=", "<"),
}  # fmt: skip
_ARITHMETIC = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+"), ast.Div: ("/", "*"), ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"), ast.Pow: ("**", "*"),
}  # fmt: skip


def _comparison_boundary(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _BOUNDARY:
        yield from _token(text, node.left, node.comparators[0], *_BOUNDARY[type(node.ops[0])])


def _comparison_negated(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _NEGATED:
        yield from _token(text, node.left, node.comparators[0], *_NEGATED[type(node.ops[0])])


def _boolean_swapped(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.BoolOp):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        yield from _token(text, node.values[0], node.values[1], old, new)


def _arithmetic_swapped(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC and not _is_text(node.left):
        yield from _token(text, node.left, node.right, *_ARITHMETIC[type(node.op)])
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
        old, new = ("+=", "-=") if isinstance(node.op, ast.Add) else ("-=", "+=")
        yield from _token(text, node.target, node.value, old, new)


def _return_none(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.Return) and node.value is not None and text_differs(node.value, None):
        yield from _whole(node, "return None")


def _off_by_one(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.Constant) and type(node.value) is int and 0 <= node.value <= 100:
        for value in (node.value + 1, node.value - 1)[: 2 if node.value else 1]:
            yield from _whole(node, str(value))


def _dropped_not(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) and node.lineno == node.end_lineno:
        yield from _whole(node, text.of(node.operand))


def _condition_inverted(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.If | ast.IfExp) and isinstance(node.test, ast.Name | ast.Call | ast.Attribute):
        test = node.test
        if test.lineno == test.end_lineno:
            yield from _whole(test, f"not {text.of(test)}")


def _swapped_arguments(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.Call) and len(node.args) >= 2 and node.lineno == node.end_lineno:
        one, other = node.args[:2]
        if isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass", "getattr", "hasattr"):
            return
        if not isinstance(one, ast.Starred) and not isinstance(other, ast.Starred) and text_differs(one, other):
            between = text.between(_end(one), _start(other))
            yield _start(one), _end(other), text.of(other) + between + text.of(one)


def _wrong_constant(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield from _whole(node, str(not node.value))


def _removed_statement(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    is_change = isinstance(node, ast.AugAssign) or (
        isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute | ast.Subscript)
    )
    if isinstance(node, ast.stmt) and (is_call or is_change):
        yield from _whole(node, "pass")


def _wrong_variable(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names and len(names) > 1:
        yield from _whole(node, names[(names.index(node.id) + 1) % len(names)])


def _slice_bound(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.Slice) and node.step is None:
        for bound in (node.lower, node.upper):
            if bound is not None:
                yield from _whole(bound, "")


def _loop_left(node: ast.AST, text: _Text, names: tuple[str, ...]) -> Iterator[_Change]:
    if isinstance(node, ast.Continue):
        yield from _whole(node, "break")


OPERATORS: dict[str, _Operator] = {
    "comparison_boundary": _comparison_boundary,
    "comparison_negated": _comparison_negated,
    "boolean_swapped": _boolean_swapped,
    "arithmetic_swapped": _arithmetic_swapped,
    "return_none": _return_none,
    "off_by_one": _off_by_one,
    "dropped_not": _dropped_not,
    "condition_inverted": _condition_inverted,
    "swapped_arguments": _swapped_arguments,
    "wrong_constant": _wrong_constant,
    "removed_statement": _removed_statement,
    "wrong_variable": _wrong_variable,
    "slice_bound": _slice_bound,
    "loop_left": _loop_left,
}


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
        for operator, changes in OPERATORS.items():
            for start, end, new in changes(inner, text, names):
                line = text.lines[start[0] - 1]
                old_line, new_line = line.decode(), (line[: start[1]] + new.encode() + line[end[1] :]).decode()
                if old_line == new_line or len(old_line) > _MOST_LINE_CHARACTERS:
                    continue
                if _parses(text, function, start[0], new_line):
                    yield Mutation(operator=operator, function=function, line=start[0], old=old_line, new=new_line)


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


def text_differs(one: ast.expr, other: ast.expr | None) -> bool:
    """Whether two expressions are written differently; `None` stands for the constant None."""
    return ast.dump(one) != ast.dump(other if other is not None else ast.Constant(None))
