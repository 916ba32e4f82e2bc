"""Terms and conditions of a declaration, and the text they are written as.

`day` is an argument of the call, `meeting.day` a column of the row that an argument names, `'board'`, `3` and `None`
are values, `stock + quantity` is a sum, `count(meetings, room=room)` the number of rows that hold these values.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import PlainValidator

Value = str | int | None


@dataclass(frozen=True)
class Arg:
    """An argument of the call or, with a column, that column of the row the argument names."""

    name: str
    column: str = ""


@dataclass(frozen=True)
class Sum:
    """`left` plus `sign` times `right`."""

    left: Term
    right: Term
    sign: Literal[1, -1] = 1


@dataclass(frozen=True)
class Count:
    """How many rows of a table hold these values."""

    table: str
    where: Mapping[str, Term]


Term = Value | Arg | Sum | Count
Operator = Literal["==", "!=", "<="]
_OPERATORS: dict[type[ast.cmpop], Operator] = {ast.Eq: "==", ast.NotEq: "!=", ast.LtE: "<="}


@dataclass(frozen=True)
class Condition:
    """`left operator right`."""

    left: Term
    operator: Operator
    right: Term


def parse_term(source: object) -> Term:
    """A term from its text; numbers and null stand for themselves. Raises ValueError for anything else."""
    return _term(_parse(source)) if source is not None else None


def parse_condition(source: object) -> Condition:
    """A condition from its text, such as `meeting.day != day`. Raises ValueError for anything else."""
    match _parse(source):
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _OPERATORS:
            return Condition(_term(left), _OPERATORS[type(operator)], _term(right))
    raise ValueError(f"{source!r} is no condition; write two terms with ==, != or <= between them")


TermText = Annotated[Term, PlainValidator(parse_term)]
ConditionText = Annotated[Condition, PlainValidator(parse_condition)]


def parts_of(term: Term | Condition) -> Iterator[Arg | Count]:
    """The arguments and counts in a term or a condition."""
    if isinstance(term, Sum | Condition):
        yield from parts_of(term.left)
        yield from parts_of(term.right)
    elif isinstance(term, Arg | Count):
        yield term
        for inner in term.where.values() if isinstance(term, Count) else ():
            yield from parts_of(inner)


def _parse(source: object) -> ast.expr:
    try:
        return ast.parse(str(source), mode="eval").body
    except SyntaxError:
        raise ValueError(f"{source!r} is no expression; quote what is a word: \"'open'\"") from None


def _term(node: ast.expr) -> Term:
    match node:
        case ast.Constant(value=(str() | int() | None) as value):
            return value
        case ast.Name(id=name):
            return Arg(name)
        case ast.Attribute(value=ast.Name(id=name), attr=column):
            return Arg(name, column)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as sign, right=right):
            return Sum(_term(left), _term(right), 1 if isinstance(sign, ast.Add) else -1)
        case ast.Call(func=ast.Name(id="count"), args=[ast.Name(id=table)], keywords=wanted):
            return Count(table, {each.arg or "": _term(each.value) for each in wanted})
    raise ValueError(f"{ast.unparse(node)!r} is no term; write an argument, a column of one, a value, a sum or a count")
