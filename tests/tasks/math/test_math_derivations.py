"""Every step's recheck holds, every wrong rule's executed check fails, answers agree with brute force."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.agent.environment import Observation, Split
from components.agent.messages import ToolCall
from components.tasks.math.derivation import Derivation, Schema, draw_derivation
from components.tasks.math.expressions import show
from components.tasks.math.rules import RULES, is_of
from components.tasks.math.schemas import SCHEMAS
from components.tasks.math.solve import SolveEnvironment, contradicts
from components.tasks.math.tools import CHECK, EVALUATE, check_call, evaluate_call

SPLITS: tuple[Split, ...] = ("train", "heldout")
problems = st.builds(
    lambda schema, seed, split: draw_derivation(schema, random.Random(seed), split),
    st.sampled_from(list(SCHEMAS.values())),
    st.integers(0, 2**32),
    st.sampled_from(SPLITS),
)


def _executed(call: ToolCall) -> Observation:
    derivation = Derivation(schema=SCHEMAS["linear"], givens={"a": 3, "b": 5, "c": 20})
    return SolveEnvironment(tools=(EVALUATE, CHECK), derivation=derivation).execute(call)


@settings(max_examples=200, deadline=None)
@given(problems)
def test_every_step_rechecks_and_has_its_type(derivation: Derivation) -> None:
    assert derivation.faults() == []
    for step in derivation.schema.steps:
        value = derivation.values[step.output]
        assert is_of(value, step.rule.output)
        known = {name: other for name, other in derivation.values.items() if name != step.output}
        computed = _executed(evaluate_call(derivation.written(step.compute, known)))
        assert computed.content == show(value)
        checked = _executed(
            check_call(derivation.written(step.check, known, symbols=(step.output,)), {step.output: show(value)})
        )
        assert checked.content.startswith("holds")


@settings(max_examples=200, deadline=None)
@given(problems)
def test_every_wrong_step_really_fails_when_executed(derivation: Derivation) -> None:
    found = list(derivation.wrong_steps())
    assert any(wrong.fails_statement for wrong in found)
    for wrong in found:
        assert wrong.local or wrong.fails_statement
        if wrong.local:
            step = derivation.schema.step(wrong.node)
            known = {name: value for name, value in derivation.values.items() if name != wrong.node}
            seen = _executed(evaluate_call(derivation.written(wrong.compute, known)))
            assert (seen.status == "ok") == (wrong.value is not None)
            if wrong.value is not None:
                statement = derivation.written(step.check, known, symbols=(wrong.node,))
                assert contradicts(_executed(check_call(statement, {wrong.node: seen.content})))
        if wrong.fails_statement:
            where = {name: derivation.written(name, {}, wrong=wrong) for name in derivation.schema.asked}
            assert contradicts(_executed(check_call(derivation.statement, where)))


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda schema: schema.name)
def test_every_wrong_rule_happens(schema: Schema) -> None:
    """None is declared that never is wrong."""
    seen = set()
    for seed in range(60):
        derivation = draw_derivation(schema, random.Random(seed), "train")
        seen |= {(step.node, step.rule.name, step.local) for step in derivation.wrong_steps()}
    declared = {(step.output, wrong.name, True) for step in schema.steps for wrong in step.rule.wrong_rules}
    assert seen >= {(schema.asked[0], wrong.name, False) for wrong in schema.wrong_rules}
    assert seen >= declared


def _solutions(test: Callable[[int], bool], reach: int = 500) -> list[Fraction]:
    return [Fraction(number) for number in range(-reach, reach + 1) if test(number)]


def _words(n: int, r: int, s: int) -> int:
    letters = "A" * r + "B" * s + "CDEFGHIJ"[: n - r - s]
    return len(set(itertools.permutations(letters)))


def _teams(n: int, w: int, k: int) -> int:
    return sum(min(team) < w for team in itertools.combinations(range(n), k))


def _euclid(a: int, b: int) -> int:
    return max(number for number in range(1, b + 1) if a % number == 0 and b % number == 0)


BRUTE: dict[str, Callable[..., object]] = {
    "fractions_sum": lambda p, q, r, s: [Fraction(p * s + r * q, q * s)],
    "fractions_difference": lambda p, q, r, s: [Fraction(p * s - r * q, q * s)],
    "linear_two_sides": lambda a, b, c, d: _solutions(lambda x: a * x + b == c * x + d),
    "linear_brackets": lambda a, b, c: _solutions(lambda x: a * (x + b) == c),
    **{f"gcd_{count}": lambda a, b: [_euclid(a, b)] for count in (2, 3, 4)},
    "lcm": lambda a, b: [next(number for number in itertools.count(1) if number % a == number % b == 0)],
    **{f"power_mod_{n}": lambda b, m, n=n: [math.prod([b] * n) % m] for n in (4, 5, 8, 9)},
    "quadratic": lambda b, c: sorted(_solutions(lambda x: x * x + b * x + c == 0), reverse=True),
    "system": lambda a, b, c, d, e, f: next(
        [x, y] for x in range(-12, 13) for y in range(-12, 13) if (a * x + b * y, d * x + e * y) == (c, f)
    ),
    "multiples": lambda k, a, b: [sum(number % k == 0 for number in range(a, b + 1))],
    "two_groups": lambda w, m, k, j: [
        len(list(itertools.combinations(range(w), k))) * len(list(itertools.combinations(range(m), j)))
    ],
    "at_least_one_of_2": lambda n, w, m, k: [_teams(n, w, k)],
    "at_least_one_of_3": lambda n, w, m, k: [_teams(n, w, k)],
    "letters": lambda n, r, s: [_words(n, r, s)] if n < 8 else None,
    "together": lambda a, b: [Fraction(a * b, a + b)],
    "meeting": lambda d, u, v: [Fraction(d, u + v)],
    "chase": lambda u, v, h: [Fraction(u * h, v - u)],
    "return_trip": lambda u, v: [Fraction(2 * u * v, u + v)],
    "percentages": lambda p, r, s: [p * (1 + Fraction(r, 100)) * (1 - Fraction(s, 100))],
    "mixture": lambda a, r, b, s: [Fraction(a * r + b * s, a + b)],
    "linear": lambda a, b, c: [Fraction(c - b, a)],
}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_answers_agree_with_other_ways_to_find_them(name: str) -> None:
    for seed in range(25):
        derivation = draw_derivation(SCHEMAS[name], random.Random(seed), "train")
        found = BRUTE[name](**derivation.givens)
        assert found is None or found == list(derivation.asked)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda schema: schema.name)
def test_no_problem_is_in_both_splits_however_it_is_written(schema: Schema) -> None:
    rng = random.Random(1)
    for _ in range(40):
        givens = schema.draw(rng)
        for group in schema.symmetries:
            swapped = dict(givens)
            for one, other in zip(group[0], group[1], strict=True):
                swapped[one], swapped[other] = givens[other], givens[one]
            assert schema.content(swapped) == schema.content(givens) and schema.split(swapped) == schema.split(givens)
    contents = {
        split: {str(schema.content(draw_derivation(schema, random.Random(seed), split).givens)) for seed in range(60)}
        for split in SPLITS
    }
    assert not contents["train"] & contents["heldout"]
    assert len(contents["train"]) >= 20 and len(contents["heldout"]) >= 4


def test_a_graph_whose_types_or_order_do_not_fit_is_no_schema() -> None:
    quadratic = SCHEMAS["quadratic"]
    with pytest.raises(AssertionError, match="before it is known"):
        replace(quadratic, steps=quadratic.steps[::-1])
    with pytest.raises(AssertionError, match="d is rational, not integer"):
        steps = (replace(SCHEMAS["together"].steps[0], output="d", inputs=("b",)), *quadratic.steps[1:])
        replace(quadratic, steps=steps)
    with pytest.raises(AssertionError, match="two nodes"):
        replace(quadratic, steps=(quadratic.steps[0], *quadratic.steps))
    with pytest.raises(AssertionError):
        replace(RULES["square root"], check="out*out=e")


def test_a_derivation_that_does_not_hold_says_what_is_wrong() -> None:
    quadratic = SCHEMAS["quadratic"]
    assert Derivation(schema=quadratic, givens={"b": 1, "c": 1}).faults() == ["-3 is negative and has no real root"]
    assert "r = " not in str(Derivation(schema=quadratic, givens={"b": 3, "c": 2}).faults())
    wrong = replace(quadratic, statement="x+y=b; x!=y")
    assert Derivation(schema=wrong, givens={"b": 3, "c": 2}).faults() == ["x+y is -3, not 3"]
