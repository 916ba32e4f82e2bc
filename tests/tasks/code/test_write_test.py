"""Tests written for packages: what one may hold, what counts, and that only executed values are stated."""

from __future__ import annotations

import ast
import random
from functools import cache
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.agent.environment import Observation
from components.agent.messages import ToolCall
from components.sandbox import probe
from components.tasks.code.catalogue import PACKAGES
from components.tasks.code.evaluation import describe_outcome, evaluate, free_names
from components.tasks.code.mutants import Mutant, judge
from components.tasks.code.packages import is_test_file, load_package
from components.tasks.code.runner import TestRunner
from components.tasks.code.write_test import WriteTestFamily
from components.tasks.code.written_tests import WriteTestEnvironment, compose, holds, importable, notices, refusal
from components.tasks.code.wrong_versions import load_wrong_versions
from components.trajectories.checks.record import RECORD_CHECKS
from components.trajectories.checks.replay import replay
from components.trajectories.episodes import Synthesizer
from scripts.code_calls import neighbours, parameters_of, written_calls
from scripts.find_code_survivors import load_survivors

pytestmark = pytest.mark.skipif(not probe().holds_untrusted_code, reason="the kernel grants no namespaces")
RUNNER = TestRunner()
FAMILY = WriteTestFamily(RUNNER)
SLOW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEXT = "from toolz.itertoolz import first\n\n\ndef test_first():\n    assert first([1, 2]) == 1\n"


def call(environment: WriteTestEnvironment, name: str, **arguments: object) -> Observation:
    return environment.execute(ToolCall(name=name, arguments=arguments))


@pytest.fixture
def first_of_toolz() -> WriteTestEnvironment:
    """`first`, with a version that gives the second item and one that gives nothing."""
    package = load_package("toolz")
    source = package.files["toolz/itertoolz.py"]
    wrong = [source.replace("return next(iter(seq))", text, 1) for text in ("return list(seq)[1]", "return None")]
    assert source not in wrong
    return WriteTestEnvironment(
        tools=FAMILY.sample(0, "train").tools,
        runner=RUNNER,
        package=package,
        suite=package.spec.suites[0],
        changed={},
        module="toolz/itertoolz.py",
        versions=tuple({"toolz/itertoolz.py": text} for text in wrong),
        shows_tests=False,
    )


@cache
def _written(package: str) -> tuple[list[str], dict[str, list[str]]]:
    origin = load_package(package)
    return written_calls(origin)[:300], parameters_of(origin)


@SLOW
@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.0, 1.0]))
def test_records_pass_every_check_and_happen_again(seed: int, share: float) -> None:
    families = {FAMILY.name: FAMILY}
    record = Synthesizer(dict(families), "x").episode(FAMILY.name, seed, share)
    assert {name: fault for name, check in RECORD_CHECKS.items() if (fault := check(record))} == {}
    labels = [step.label for step in record.steps]
    assert ("wrong" in labels) == (share == 1.0) == ("recovery" in labels)
    assert replay(record, families) is None
    assert len(list(record.turns())) <= 12


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), split=st.sampled_from(["train", "heldout"]))
def test_a_task_tells_neither_the_wrong_versions_nor_their_lines(seed: int, split: str) -> None:
    task = FAMILY.sample(seed, split)  # type: ignore[arg-type]
    assert task == FAMILY.sample(seed, split)  # type: ignore[arg-type]
    assert load_package(task.payload["package"]).spec.split == split
    for version in task.payload["versions"]:
        assert f" {version['line']}" not in task.prompt
        assert version["new"].strip() == "pass" or version["new"].strip() not in task.prompt
    files = FAMILY.start(task).files
    assert any(is_test_file(path) for path in files) == task.payload["shows_tests"]
    assert files[task.payload["module"]] == load_package(task.payload["package"]).files[task.payload["module"]]
    assert task.payload["shows_tests"] == all(version["survivor"] for version in task.payload["versions"])


@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_shipped_calls_tell_what_they_are_said_to_tell(data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(load_wrong_versions()))
    package = load_package(row.package)
    shipped = data.draw(st.sampled_from(row.calls))
    outcomes = evaluate(RUNNER, package.files, row.module, [shipped.expression])
    assert outcomes is not None
    shown = describe_outcome(outcomes[0])
    assert shown is not None
    text = compose(package, row.module, "call", [(shipped.expression, shown)])
    assert refusal(package, text) is None and holds(RUNNER, package, text)
    for number in range(len(row.versions)):
        assert notices(RUNNER, package, row.changed(number), text) == (number in shipped.notices)


@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_survivors_pass_the_tests_of_their_package(data: st.DataObject) -> None:
    survivor = data.draw(st.sampled_from([one for one in load_survivors() if one.package != "pyflakes"]))
    suites = [suite for suite in load_package(survivor.package).spec.suites if survivor.module in suite.modules]
    for suite in suites:
        mutant = Mutant(package=survivor.package, suite=suite, module=survivor.module, mutation=survivor.mutation)
        assert judge(RUNNER, mutant)[0] == "survived"


def test_a_test_counts_once_it_holds_notices_all_and_is_submitted(first_of_toolz: WriteTestEnvironment) -> None:
    environment = first_of_toolz
    assert call(environment, "submit").status == call(environment, "run_mutants").status == "error"
    assert call(environment, "evaluate", expression="first([1, 2])").content == "1"
    assert call(environment, "evaluate", expression="first([])").content.startswith("raises StopIteration")
    assert call(environment, "evaluate", expression="[1 for _ in iter(int, 1)]").status == "timeout"
    assert "0x" in call(environment, "evaluate", expression="first").content
    assert "E assert 1 == 2" in call(environment, "write_test", text=TEXT.replace("== 1", "== 2")).content
    assert "does not pass" in call(environment, "run_mutants").content
    assert call(environment, "write_test", text=TEXT.replace("[1, 2]", "[1, 1]")).content == "test_written.py: 1 passed"
    assert call(environment, "run_mutants").content == "noticed 1 of 2 wrong versions"
    call(environment, "write_test", text=TEXT)
    assert call(environment, "run_mutants").content == "noticed 2 of 2 wrong versions"
    assert not environment.verify("It notices both.")
    assert call(environment, "submit").status == "ok"
    assert environment.verify("")
    assert call(environment, "write_test", text="").status == call(environment, "submit").status == "denied"


def test_a_test_that_notices_too_few_does_not_count(first_of_toolz: WriteTestEnvironment) -> None:
    call(first_of_toolz, "write_test", text=TEXT.replace("[1, 2]", "[1, 1]"))
    assert call(first_of_toolz, "submit").status == "ok"
    assert not first_of_toolz.verify("noticed 2 of 2 wrong versions")


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("exit(0)", "raises SystemExit: 0"),
        ("__import__('os')._exit(0)", "timeout: the expression took too long and was stopped"),
        ("__import__('sys').__stdout__.write('[1')", "2"),
        ("first(", "raises SyntaxError: '(' was never closed (<string>, line 1)"),
        ("unknown", "raises NameError: name 'unknown' is not defined"),
    ],
)
def test_an_expression_breaks_nothing(first_of_toolz: WriteTestEnvironment, expression: str, shown: str) -> None:
    assert call(first_of_toolz, "evaluate", expression=expression).render() == shown


@pytest.mark.parametrize(
    "text",
    [
        "import inspect\nfrom toolz.itertoolz import first\ndef test(): assert 'next' in inspect.getsource(first)",
        "from toolz.functoolz import inspect\ndef test(): pass",
        "import toolz\ndef test(): assert toolz.functoolz",
        "from toolz import itertoolz\ndef test(): assert itertoolz",
        "from toolz.itertoolz import first\ndef test(): assert first.__code__.co_names",
        "from toolz.itertoolz import first\ndef test(): assert first.func_code.co_names",
        "def test(): assert 'next' in open('toolz/itertoolz.py').read()",
        "def test(): assert getattr(1, '__cl' + 'ass__')",
        "def test():\n    import os\n    os._exit(0)",
        "import pytest\ndef test(): pytest.skip('no')",
        "import pytest\n@pytest.mark.skip\ndef test(): assert False",
        "x = 1\ndef test(): pass",
        "def check(): pass",
        "def test(:",
        "from toolz.tests.test_itertoolz import test_first",
    ],
)
def test_what_looks_behind_the_package_is_not_taken(first_of_toolz: WriteTestEnvironment, text: str) -> None:
    assert refusal(load_package("toolz"), text)
    assert call(first_of_toolz, "write_test", text=text).status == "error"
    assert first_of_toolz.written is None


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_neighbours_are_other_expressions_over_no_strange_names(data: st.DataObject) -> None:
    expressions, parameters = _written(data.draw(st.sampled_from([spec.name for spec in PACKAGES])))
    expression = data.draw(st.sampled_from(expressions))
    known = set(free_names(expression))
    for other in islice(neighbours(expression, parameters), 100):
        ast.parse(other, mode="eval")
        assert other != expression and set(free_names(other)) <= known


def test_what_a_test_may_import_is_defined_by_the_package() -> None:
    names = importable(load_package("toolz"), "toolz/functoolz.py")
    assert names["compose"] == "toolz.functoolz" and names["take"] == "toolz"
    assert not {"inspect", "partial", "itertoolz"} & names.keys()


def test_mistakes_differ() -> None:
    """Over some tasks each of the three mistakes is made."""
    seen = set()
    for seed in range(10):
        task = FAMILY.sample(seed, "train")
        environment, oracle = FAMILY.start(task), FAMILY.oracle(task, random.Random(seed), True)
        step = next(oracle)
        while step.call is not None:
            if step.label == "recovery":
                seen.add(
                    "import" if "imported" in step.reflection else "guess" if "guess" in step.reflection else "plain"
                )
            step = oracle.send(environment.execute(step.call))
        assert environment.verify(step.summary or "")
    assert seen == {"import", "guess", "plain"}
