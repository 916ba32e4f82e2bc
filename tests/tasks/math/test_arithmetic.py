"""The calculator against Python's integers, hostile expressions, and what counts as an answer."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.agent.calculator import CALCULATOR, calculate
from components.agent.messages import ToolCall
from components.tasks.math.arithmetic import CalculatorEnvironment
from components.tasks.math.arithmetic import families as arithmetic_families

FAMILIES = {family.name: family for family in arithmetic_families()}
_OPERATIONS: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}

trees = st.recursive(
    st.integers(0, 999).map(lambda number: (str(number), number)),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda parts: (f"({parts[0][0]} {parts[1]} {parts[2][0]})", _OPERATIONS[parts[1]](parts[0][1], parts[2][1]))
    ),
    max_leaves=8,
)


@given(trees)
def test_the_calculator_is_exact(tree: tuple[str, int]) -> None:
    text, value = tree
    assert calculate(text).content == str(value)
    assert calculate(f"-{text}").content == str(-value)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "2**9999",
        "9" * 150 + "*" + "9" * 40 + "**9",
        "*".join(["9" * 190] * 5),
        "__import__('os').system('true')",
        "(lambda: 1)()",
        "1/2",
        "7//2",
        "1.5+1",
        "True+1",
        "x",
        "1 if 1 else 2",
        "1,2",
        "[1]",
        "'a'*9",
        "1 plus 2",
        "(1+2",
        "\x00",
        "-" * 190 + "1",
        "12 34",
        "007",
    ],
)
def test_whatever_is_no_arithmetic_is_an_error(expression: str) -> None:
    seen = calculate(expression)
    assert seen.status == "error" and seen.content and len(seen.content) < 300


def test_numbers_stay_bounded() -> None:
    assert calculate("9" * 99 + "*" + "9" * 99).status == "ok"
    deep = "9" * 190
    for _ in range(5):
        seen = calculate(f"{deep}*9")
        assert len(seen.content) < 300
        deep = seen.content[:190]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text("0123456789+-*() ", max_size=60))
def test_the_calculator_never_raises(expression: str) -> None:
    assert calculate(expression).status in ("ok", "error")


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("46", True),
        ("46.", True),
        ("The answer is 46.", True),
        ("12 + 34 = 46", True),
        ("12+34=46", True),
        ("It is 46!", True),
        ("", False),
        ("forty-six", False),
        ("-46", False),
        ("460", False),
        ("146", False),
        ("46.5", False),
        ("46a", False),
        ("46 or 47", False),
    ],
)
def test_the_last_number_is_the_answer(answer: str, right: bool) -> None:
    environment = CalculatorEnvironment(tools=(CALCULATOR,), value=46)
    assert not environment.verify(answer), "an answer without a calculation counts for nothing"
    environment.execute(ToolCall(name="calculator", arguments={"expression": "12 plus 34"}))
    assert not environment.verify(answer), "a calculation that failed is none"
    environment.execute(ToolCall(name="calculator", arguments={"expression": "12+34"}))
    assert environment.verify(answer) == right


@pytest.mark.parametrize(("answer", "right"), [("-7", True), ("5-12=-7", True), ("7", False), ("12-7", False)])
def test_negative_answers(answer: str, right: bool) -> None:
    environment = CalculatorEnvironment(tools=(CALCULATOR,), value=-7)
    environment.execute(ToolCall(name="calculator", arguments={"expression": "5-12"}))
    assert environment.verify(answer) == right


def test_long_numbers_may_have_commas() -> None:
    environment = CalculatorEnvironment(tools=(CALCULATOR,), value=12345)
    environment.execute(ToolCall(name="calculator", arguments={"expression": "12345"}))
    assert environment.verify("12,345") and environment.verify("That is 12,345.") and not environment.verify("12,34,5")


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_no_problem_is_in_both_splits(name: str) -> None:
    """Neither as it stands nor with its numbers exchanged."""
    family = FAMILIES[name]

    def asked(split: str) -> set[tuple[object, ...]]:
        payloads = [family.sample(seed, split).payload for seed in range(2000)]  # type: ignore[arg-type]
        return {(payload["signs"], *sorted(payload["operands"])) for payload in payloads}

    train, held_out = asked("train"), asked("heldout")
    assert not train & held_out
    assert len(train) > 500 and len(held_out) > 200


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_prompts_state_the_problem_and_hide_the_answer(name: str) -> None:
    family = FAMILIES[name]
    for seed in range(200):
        task = family.sample(seed, "train")
        numbers = [int(word.strip(".?")) for word in task.prompt.split() if word.strip(".?").isdigit()]
        assert sorted(numbers) == sorted(task.payload["operands"])
        assert eval(_expression(task.payload)) == task.payload["value"]


def _expression(payload: dict[str, object]) -> str:
    operands, signs = payload["operands"], payload["signs"]
    assert isinstance(operands, list) and isinstance(signs, str)
    return str(operands[0]) + "".join(sign + str(operand) for sign, operand in zip(signs, operands[1:], strict=True))


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_wrong_branch_is_really_wrong(name: str) -> None:
    family = FAMILIES[name]
    for seed in range(150):
        task = family.sample(seed, "train")
        environment = family.start(task)
        oracle = family.oracle(task, random.Random(seed), wrong_branch=True)
        wrong = next(oracle)
        assert wrong.label == "wrong" and wrong.call is not None
        seen = environment.execute(wrong.call)
        assert seen.content != str(task.payload["value"])
        recovery = oracle.send(seen)
        assert recovery.label == "recovery" and recovery.call is not None
        shown = seen.content if seen.status == "error" else str(wrong.call.arguments["expression"])
        cited = {seen.content, shown, str(max(task.payload["operands"]))}
        assert any(piece in recovery.reflection for piece in cited)
        last = oracle.send(environment.execute(recovery.call))
        assert last.label == "good" and last.summary is not None and environment.verify(last.summary)
