"""What counts as an answer: the right words, and execution behind them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.agent.environment import Environment, Task, TaskFamily
from components.agent.messages import ToolCall
from components.tasks.math.answerable import AnswerableFamily
from components.tasks.math.derivation import Derivation
from components.tasks.math.families import families as mathematics_families
from components.tasks.math.find_error import ErrorEnvironment, WrittenDerivation
from components.tasks.math.schemas import SCHEMAS
from components.tasks.math.solve import SolveFamily
from components.tasks.math.tools import CHECK, EVALUATE, check_call, evaluate_call, read_numbers

FAMILIES: dict[str, TaskFamily] = {family.name: family for family in mathematics_families()}


def _task(family: str, **payload: object) -> Task:
    return Task(
        id="t", family=family, domain="math", seed=0, split="train", prompt="", tools=(EVALUATE, CHECK), payload=payload
    )


def _solving(schema: str, **givens: int) -> Environment:
    family = next(
        family for family in FAMILIES.values() if isinstance(family, SolveFamily) and SCHEMAS[schema] in family.schemas
    )
    return family.start(_task(family.name, schema=schema, givens=givens))


def _after(environment: Environment, *calls: ToolCall) -> Environment:
    for call in calls:
        environment.execute(call)
    return environment


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("5", True),
        ("x = 5.", True),
        ("3*5+5 = 20, so x is 5", True),
        ("5.0", True),
        ("10/2", True),
        ("-5", False),
        ("15", False),
        ("5 or 6", False),
        ("five", False),
        ("", False),
    ],
)
def test_a_linear_equation(answer: str, right: bool) -> None:
    assert not _solving("linear", a=3, b=5, c=20).verify(answer), "nothing was executed"
    typed = _after(_solving("linear", a=3, b=5, c=20), evaluate_call("5"), check_call("x=5", {"y": "5"}))
    assert not typed.verify(answer), "a number that was only typed in was not worked out"
    failed = _after(_solving("linear", a=3, b=5, c=20), evaluate_call("5 +"), evaluate_call("(20+5)/3"))
    assert not failed.verify(answer), "something else was worked out"
    assert _after(_solving("linear", a=3, b=5, c=20), evaluate_call("(20-5)/3")).verify(answer) == right
    assert _after(_solving("linear", a=3, b=5, c=20), check_call("3*x+5=20", {"x": "5"})).verify(answer) == right


def test_two_values_in_their_order_or_in_any() -> None:
    quadratic = _after(_solving("quadratic", b=-1, c=-6), check_call("x*y=-6", {"x": "3", "y": "-2"}))
    assert quadratic.verify("3 and -2") and quadratic.verify("-2 and 3") and not quadratic.verify("3 and 2")
    assert not quadratic.verify("3") and not quadratic.verify("3 and 3")
    system = _after(_solving("system", a=1, b=1, c=5, d=1, e=-1, f=1), check_call("x+y=5", {"x": "3", "y": "2"}))
    assert system.verify("x = 3, y = 2") and not system.verify("x = 2, y = 3")


def _judging(wrong: str | None) -> ErrorEnvironment:
    """3x + 5 = 20 as somebody solved it: t = 20+5 = 25, x = 25/3; or rightly."""
    derivation = Derivation(schema=SCHEMAS["linear"], givens={"a": 3, "b": 5, "c": 20})
    step = next((step for step in derivation.wrong_steps() if (step.node, step.rule.name) == ("t", wrong)), None)
    return ErrorEnvironment(tools=(EVALUATE, CHECK), written=WrittenDerivation(derivation=derivation, wrong=step))


def test_an_error_must_be_shown_and_mended() -> None:
    failing, found = check_call("t+5=20", {"t": "25"}), evaluate_call("20-5")
    assert not _judging("sign kept").verify("step 1: 15")
    assert not _after(_judging("sign kept"), failing).verify("step 1: 15"), "the right result was not worked out"
    assert not _after(_judging("sign kept"), found).verify("step 1: 15"), "no check of the step failed"
    assert _after(_judging("sign kept"), failing, found).verify("Step 1: 15")
    for answer in ("step 2: 15", "step 1: 25", "15", "1", "all right", "step 1: 15, or all right", ""):
        assert not _after(_judging("sign kept"), failing, found).verify(answer)


def test_all_right_needs_a_passed_check_of_every_step() -> None:
    first, second = check_call("t+5=20", {"t": "15"}), check_call("3*x=15", {"x": "5"})
    assert not _judging(None).verify("all right")
    assert not _after(_judging(None), first).verify("all right")
    assert _after(_judging(None), first, second).verify("All right.")
    assert _after(_judging(None), check_call("t+5=20; 3*x=15", {"t": "15", "x": "5"})).verify("all right")
    assert not _after(_judging(None), first, second).verify("step 1: 15")


def _asking(kind: str, **givens: int) -> Environment:
    return AnswerableFamily().start(_task("math_answerable", kind=kind, givens=givens))


def test_no_solution_needs_the_numbers_that_decide() -> None:
    def system() -> Environment:
        return _asking("system", a=1, b=2, c=3, d=2, e=4, f=7)

    proof = (evaluate_call("1*4-2*2"), evaluate_call("3*4-2*7"))
    assert not system().verify("no solution")
    assert not _after(system(), proof[0]).verify("no solution")
    assert not _after(system(), evaluate_call("3-3"), evaluate_call("0-2")).verify("no solution"), "not its numbers"
    assert _after(system(), *proof).verify("There is no solution.")
    for answer in ("not determined", "no solution, or not determined", "3 and 1", ""):
        assert not _after(system(), *proof).verify(answer)
    assert _after(_asking("quadratic", b=1, c=1), evaluate_call("1*1-4*1")).verify("no solution")
    assert _after(
        _asking("congruence", a=4, b=3, m=6), check_call("gcd(4,6) = g", {"g": "2"}), evaluate_call("3 % 2")
    ).verify("no solution")
    assert _after(_asking("prices", n=2, k=3, t=10, p=5), evaluate_call("10-3*5")).verify("no solution")


def test_not_determined_needs_two_values_that_fit() -> None:
    def prices() -> Environment:
        return _asking("prices", n=2, k=3, t=20)

    one, other = ({"x": "17/2", "y": "1"}, {"x": "7", "y": "2"})
    unfit = {"x": "10", "y": "1"}
    assert not _after(prices(), check_call("2*x+3*y=20", one)).verify("not determined")
    assert not _after(prices(), check_call("2*x=x+x", one), check_call("x=x", unfit)).verify("not determined")
    assert not _after(prices(), check_call("2*x+3*y=20", one), check_call("z=1", {"z": "1"})).verify("not determined")
    both = _after(prices(), check_call("2*x+3*y=20", one), check_call("2*x+3*y=20", other))
    assert both.verify("It is not determined.") and not both.verify("7") and not both.verify("no solution")


def test_a_question_with_an_answer_wants_it() -> None:
    solved = _after(_asking("prices", n=2, k=3, t=25, p=5), check_call("2*x+3*y=25", {"x": "5", "y": "5"}))
    assert solved.verify("5") and not solved.verify("not determined") and not solved.verify("5, or no solution")
    assert not _asking("prices", n=2, k=3, t=25, p=5).verify("5")


def test_numbers_of_an_answer() -> None:
    assert [str(number) for number in read_numbers("x = -3/4, y is 1,234 or 2.5. a7 7b 3/0 5-3")] == [
        "-3/4", "1234", "5/2", "5", "3",
    ]  # fmt: skip


_hostile = st.text(max_size=30) | st.text("0123456789-+*/%=;<>, xyst()", max_size=60) | st.just("9" * 5000)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FAMILIES)), st.integers(0, 99), _hostile, _hostile, _hostile)
def test_whatever_a_policy_sends_is_answered_and_judged(
    name: str, seed: int, expression: str, statement: str, answer: str
) -> None:
    environment = FAMILIES[name].start(FAMILIES[name].sample(seed, "train"))
    calls = (
        evaluate_call(expression),
        check_call(statement, {"x": expression}),
        ToolCall(name="check", arguments={"statement": "x=x", "where": statement}),
        ToolCall(name="evaluate", arguments={}),
    )
    assert all(environment.execute(call).status in ("ok", "error") for call in calls)
    assert environment.verify(answer) in (True, False)
