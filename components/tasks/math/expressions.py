"""Exact rational arithmetic on parsed text: the value of an expression, the truth of a statement. Nothing is evaluated
as code; length, depth, size of numbers and exponents are bounded, and whatever cannot be read is an `ExpressionError`
whose message is for the one who wrote it.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

_MAX_CHARACTERS = 300
_MAX_DEPTH = 50
_MAX_BITS = 2048
_MAX_EXPONENT = 64
_MAX_COUNTED = 60  # comb and fact of more are larger than any task needs
_RELATION = re.compile(r"<=|>=|!=|==?|<|>")
_NAME = re.compile(r"\b[A-Za-z]\w*\b(?!\s*\()")
# A comma that separates two bindings, not two arguments of a function.
_BINDINGS = re.compile(r",(?=\s*[A-Za-z]\w*\s*=)")
# What may stand beside an expression that needs no parentheses; the empty text is the template's end.
_OPENS, _CLOSES = ("", "(", ",", "=", ";", "<", ">"), ("", ")", ",", "=", ";", "<", ">", "!")
_SIGNED = re.compile(r"(?<=[\w)])([+-])\(-(\d+)\)")


class ExpressionError(ValueError):
    """What cannot be read or worked out, in a few words."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One worked-out expression: its value, the integers written in it, and how many operations it took."""

    value: Fraction
    numbers: Counter[int]
    operations: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a statement holds; `failure` quotes the first relation that does not. `sides` are all worked-out ones."""

    holds: bool
    failure: str
    sides: tuple[Side, ...]


def evaluate(expression: str, values: Mapping[str, Fraction] | None = None) -> Fraction:
    """The value of `expression`, names read from `values`. Raises ExpressionError."""
    return _value(_parse(expression), values or {}, _MAX_DEPTH)


def work_out(expression: str, values: Mapping[str, Fraction] | None = None) -> Side:
    """The same with what it was made of."""
    numbers, operations = _composition(expression)
    return Side(value=evaluate(expression, values), numbers=numbers, operations=operations)


def judge(statement: str, values: Mapping[str, Fraction] | None = None) -> Verdict:
    """Whether all relations of `statement`, joined by `;`, hold for `values`. Raises ExpressionError."""
    failure, sides = "", []
    for relation in statement.split(";"):
        signs = _RELATION.findall(relation)
        if len(signs) != 1:
            raise ExpressionError(f"{relation.strip()[:40]!r} is no equation or inequality")
        left_text, right_text = _RELATION.split(relation)
        left, right = work_out(left_text, values), work_out(right_text, values)
        sides += [left, right]
        if not failure and not _RELATIONS[signs[0]](left.value, right.value):
            demanded = "" if signs[0] in ("=", "==") else f"{signs[0]} "
            failure = f"{left_text.strip()} is {show(left.value)}, not {demanded}{show(right.value)}"
    return Verdict(holds=not failure, failure=failure, sides=tuple(sides))


def holds(statement: str, values: Mapping[str, Fraction]) -> bool:
    """Whether a statement is true for `values`; one that cannot be worked out is not."""
    try:
        return judge(statement, values).holds
    except ExpressionError:
        return False


def read_bindings(text: str) -> dict[str, Side]:
    """`x=5, y=(20-5)/3` as values by name. Raises ExpressionError."""
    bindings: dict[str, Side] = {}
    for piece in _BINDINGS.split(text) if text.strip() else []:
        name, equals, expression = (part.strip() for part in piece.partition("="))
        if not equals or not _NAME.fullmatch(name) or name in _FUNCTIONS:
            raise ExpressionError(f"{piece.strip()[:40]!r} gives no name a value; write x=5, y=2")
        if name in bindings:
            raise ExpressionError(f"{name} has two values")
        bindings[name] = work_out(expression)
    return bindings


def substitute(template: str, texts: Mapping[str, str]) -> str:
    """`template` with names replaced; an expression gets parentheses unless it stands alone, `a+(-3)` becomes `a-3`."""

    def replace(match: re.Match[str]) -> str:
        text = texts.get(match[0], match[0])
        before, after = template[: match.start()].rstrip()[-1:], template[match.end() :].lstrip()[:1]
        alone = before in _OPENS and after in _CLOSES
        return text if alone or text.isalnum() else f"({text})"

    return _SIGNED.sub(lambda match: ("-" if match[1] == "+" else "+") + match[2], _NAME.sub(replace, template))


def names_in(template: str) -> list[str]:
    """Names a template speaks of, each once, in the order they come."""
    return list(dict.fromkeys(_NAME.findall(template)))


def show(value: Fraction) -> str:
    """A value as the tools write it: `5`, `-3/4`."""
    return str(value)


@lru_cache(maxsize=4096)
def _parse(expression: str) -> ast.expr:
    if len(expression) > _MAX_CHARACTERS:
        raise ExpressionError(f"longer than {_MAX_CHARACTERS} characters")
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except SyntaxError:
        raise ExpressionError(f"cannot read {expression.strip()[:40]!r}") from None
    except (ValueError, RecursionError, MemoryError):  # null bytes and deep nesting
        raise ExpressionError("too deep or not text") from None


@lru_cache(maxsize=4096)
def _composition(expression: str) -> tuple[Counter[int], int]:
    """The integers an expression writes, and how many operations and functions it takes. Shared: not to be changed."""
    nodes = list(ast.walk(_parse(expression)))
    numbers = Counter(node.value for node in nodes if isinstance(node, ast.Constant) and type(node.value) is int)
    return numbers, sum(isinstance(node, ast.BinOp | ast.Call) for node in nodes)


def _value(node: ast.expr, values: Mapping[str, Fraction], depth: int) -> Fraction:
    if depth == 0:
        raise ExpressionError("too deep")
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return _bounded(Fraction(node.value))
    if isinstance(node, ast.Name):
        if node.id not in values:
            raise ExpressionError(f"{node.id[:20]} has no value")
        return values[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, values, depth - 1)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left, values, depth - 1), _value(node.right, values, depth - 1)
        return _bounded(_OPERATORS[type(node.op)](left, right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        arity, function = _FUNCTIONS.get(node.func.id, (0, None))
        if function is not None and len(node.args) == arity:
            return _bounded(function(*(_value(argument, values, depth - 1) for argument in node.args)))
    raise ExpressionError(f"only integers, names, + - * / % ** ( ) and {', '.join(_FUNCTIONS)}")


def _bounded(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > _MAX_BITS:
        raise ExpressionError("numbers too large")
    return value


def _divide(left: Fraction, right: Fraction) -> Fraction:
    if right == 0:
        raise ExpressionError("division by zero")
    return left / right


def _remainder(left: Fraction, right: Fraction) -> Fraction:
    whole, modulus = _whole("%", left), _whole("%", right)
    if modulus <= 0:
        raise ExpressionError("% needs a positive modulus")
    return Fraction(whole % modulus)


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or not 0 <= exponent <= _MAX_EXPONENT:
        raise ExpressionError(f"exponents are integers from 0 to {_MAX_EXPONENT}")
    if (base.numerator.bit_length() + base.denominator.bit_length()) * int(exponent) > _MAX_BITS:
        raise ExpressionError("numbers too large")
    return Fraction(base ** int(exponent))


def _whole(name: str, value: Fraction) -> int:
    if value.denominator != 1:
        raise ExpressionError(f"{name} needs integers, not {show(value)}")
    return int(value)


def _counted(name: str, value: Fraction) -> int:
    number = _whole(name, value)
    if not 0 <= number <= _MAX_COUNTED:
        raise ExpressionError(f"{name} needs integers from 0 to {_MAX_COUNTED}")
    return number


def _sqrt(value: Fraction) -> Fraction:
    if value < 0:
        raise ExpressionError(f"{show(value)} is negative and has no real root")
    root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    if root * root != value:
        raise ExpressionError(f"{show(value)} has no exact root")
    return root


def _inverse(value: Fraction, modulus: Fraction) -> Fraction:
    number, whole_modulus = _whole("inv", value), _whole("inv", modulus)
    if whole_modulus < 2 or math.gcd(number, whole_modulus) != 1:
        raise ExpressionError(f"{number} has no inverse modulo {whole_modulus}")
    return Fraction(pow(number, -1, whole_modulus))


_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divide,
    ast.Mod: _remainder,
    ast.Pow: _power,
}
_RELATIONS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FUNCTIONS: dict[str, tuple[int, Callable[..., Fraction]]] = {
    "gcd": (2, lambda a, b: Fraction(math.gcd(_whole("gcd", a), _whole("gcd", b)))),
    "lcm": (2, lambda a, b: Fraction(math.lcm(_whole("lcm", a), _whole("lcm", b)))),
    "inv": (2, _inverse),
    "comb": (2, lambda n, k: Fraction(math.comb(_counted("comb", n), _counted("comb", k)))),
    "fact": (1, lambda n: Fraction(math.factorial(_counted("fact", n)))),
    "sqrt": (1, _sqrt),
    "floor": (1, lambda a: Fraction(math.floor(a))),
}
