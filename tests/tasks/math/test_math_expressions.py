"""Exact expressions against Python's fractions, statements, and whatever a stranger may write."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from components.tasks.math.expressions import (
    ExpressionError,
    evaluate,
    judge,
    names_in,
    read_bindings,
    show,
    substitute,
    work_out,
)

_OPERATIONS: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
Tree = tuple[str, Fraction | None]


def _join(parts: tuple[Tree, str, Tree]) -> Tree:
    (left, one), sign, (right, other) = parts
    known = one is not None and other is not None and not (sign == "/" and other == 0)
    return f"({left} {sign} {right})", _OPERATIONS[sign](one, other) if known else None  # type: ignore[arg-type]


trees = st.recursive(
    st.integers(0, 99).map(lambda number: (str(number), Fraction(number))),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(_join),
    max_leaves=8,
)


@given(trees)
def test_values_are_exact(tree: Tree) -> None:
    text, value = tree
    if value is None:
        with pytest.raises(ExpressionError, match="division by zero"):
            evaluate(text)
    else:
        assert evaluate(text) == value and evaluate(f"-{text}") == -value
        assert evaluate(show(value)) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("17 % 5", "2"),
        ("(0-17) % 5", "3"),
        ("2**10", "1024"),
        ("(1/2)**3", "1/8"),
        ("gcd(12,18)", "6"),
        ("lcm(4,6)", "12"),
        ("inv(3,7)", "5"),
        ("comb(5,2)", "10"),
        ("fact(5)", "120"),
        ("sqrt(49/4)", "7/2"),
        ("floor(0-7/2)", "-4"),
    ],
)
def test_operations_and_functions(expression: str, value: str) -> None:
    assert show(evaluate(expression)) == value


@pytest.mark.parametrize(
    "expression",
    [
        "", "x", "1.5", "True", "'a'", "[1]", "1,2", "1 if 1 else 2", "lambda: 1", "__import__('os')", "abs(1)",
        "gcd(1)", "gcd(a=1,b=2)", "fact(61)", "fact(0-1)", "comb(1/2,1)", "sqrt(2)", "sqrt(0-4)", "5 % 0", "5 % (1/2)",
        "inv(2,4)", "inv(3,1)", "2**65", "2**(0-1)", "(2**60)**60", "(2**60)**30*(2**60)**30", "9" * 301, "\x00",
        "-" * 200 + "1", "1//2", "1 << 9", "~1", "+1", "12 34", "007",
    ],
)  # fmt: skip
def test_what_is_no_arithmetic_is_refused_in_few_words(expression: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(expression)
    assert 0 < len(str(caught.value)) < 200


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40) | st.text("0123456789+-*/%() xy=;<>!gcd,", max_size=40))
def test_nothing_else_is_ever_raised(text: str) -> None:
    for read in (evaluate, judge, read_bindings, work_out):
        try:
            read(text)
        except ExpressionError as error:
            assert str(error)


@given(st.integers(-99, 99), st.integers(-99, 99))
def test_statements(a: int, b: int) -> None:
    values = {"x": Fraction(a), "y": Fraction(b)}
    for sign, holds in (("=", a == b), ("!=", a != b), ("<", a < b), ("<=", a <= b), (">", a > b), (">=", a >= b)):
        verdict = judge(f"x {sign} y; x = x", values)
        assert verdict.holds == holds and bool(verdict.failure) != holds
        assert not judge(f"x {sign} y; x = x+1", values).holds


def test_a_failure_quotes_the_first_relation_that_fails() -> None:
    assert judge("x = 2; x+x = 5; x < 1", {"x": Fraction(2)}).failure == "x+x is 4, not 5"
    assert judge("x < 1", {"x": Fraction(2)}).failure == "x is 2, not < 1"


def test_bindings() -> None:
    bound = read_bindings("x=5, y = gcd(12, 18)/4")
    assert {name: side.value for name, side in bound.items()} == {"x": Fraction(5), "y": Fraction(3, 2)}
    assert (bound["x"].operations, bound["y"].operations) == (0, 2) and read_bindings(" ") == {}
    for wrong in ("5", "x", "x=1, x=2", "1=x", "gcd=1", "x=y", "x=", "=1"):
        with pytest.raises(ExpressionError):
            read_bindings(wrong)


_texts = st.integers(-20, 20).map(str) | st.tuples(st.integers(-9, 9), st.integers(1, 9)).map(
    lambda pair: f"{pair[0]}/{pair[1]}"
)
_templates = st.sampled_from(
    ("a+b", "a-b", "a*b-a", "a-b*a", "gcd(4,6)*a+b", "(a)-(b)", "a*(b-a)", "a+b=b", "b; a = a", "a <= b+a", "a")
)


@given(_templates, _texts, _texts)
def test_substitution_keeps_the_meaning(template: str, one: str, other: str) -> None:
    values = {"a": Fraction(one), "b": Fraction(other)}
    written = substitute(template, {"a": one, "b": other})
    assert names_in(written) == []
    if any(sign in template for sign in "=<>"):
        assume(";" not in template)
        assert judge(written).holds == judge(template, values).holds
    else:
        assert evaluate(written) == evaluate(template, values)
