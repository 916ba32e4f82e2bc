"""Code repair: real bugs, real runs, hidden tests that cannot be talked round."""

from __future__ import annotations

import ast
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.agent.environment import Observation
from components.agent.messages import ToolCall
from components.sandbox import Result, probe
from components.tasks.code.function_repair import FunctionEnvironment, FunctionRepairFamily, replace_line
from components.tasks.code.operators import OPERATORS
from components.tasks.code.programs import TEMPLATES, draw_program, program_mutations, write_tests
from components.tasks.code.report import read_report, show_first_failure

contained = pytest.mark.skipif(not probe().holds_untrusted_code, reason="the kernel grants no namespaces")


@pytest.fixture(scope="module")
def family() -> FunctionRepairFamily:
    return FunctionRepairFamily()


def call(environment: FunctionEnvironment, name: str, **arguments: object) -> Observation:
    return environment.execute(ToolCall(name=name, arguments=arguments))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["train", "heldout"]))
def test_programs_and_their_mutants(seed: int, split: str) -> None:
    program = draw_program(random.Random(seed), split, 8)  # type: ignore[arg-type]
    assert program.source == ast.unparse(ast.parse(program.source)) + "\n"
    assert 2 <= len(program.source.splitlines()) <= 8
    assert len({repr(arguments) for arguments, _ in program.cases}) == len(program.cases)
    found = program_mutations(program.source)
    sources = {mutation.apply(program.source) for mutation in found}
    assert len(sources) == len(found) >= 2 and program.source not in sources
    for mutation in found:
        changed = mutation.apply(program.source)
        assert changed == ast.unparse(ast.parse(changed)) + "\n"
        pairs = zip(program.source.splitlines(), changed.splitlines(), strict=True)
        assert [number for number, (old, new) in enumerate(pairs, start=1) if old != new] == [mutation.line]
        assert mutation.operator in OPERATORS


def test_templates_do_not_cross_the_split() -> None:
    by_split = {split: [t for t in TEMPLATES if t.split == split] for split in ("train", "heldout")}
    assert len(by_split["train"]) >= 12 and len(by_split["heldout"]) >= 3
    names = [{template.name for template in chosen} for chosen in by_split.values()]
    verbs = [{verb for template in chosen for verb in template.verbs} for chosen in by_split.values()]
    sources = [{template.source for template in chosen} for chosen in by_split.values()]
    for one, other in (names, verbs, sources):
        assert not one & other


@contained
@pytest.mark.parametrize("split", ["train", "heldout"])
@pytest.mark.parametrize("wrong_branch", [False, True])
def test_the_oracle_repairs_what_is_really_broken(family: FunctionRepairFamily, split: str, wrong_branch: bool) -> None:
    for seed in range(2):
        task = family.sample(seed, split)  # type: ignore[arg-type]
        assert task == FunctionRepairFamily(family.runner).sample(seed, split)  # type: ignore[arg-type]
        environment = family.start(task)
        assert not environment.verify("It is fixed.")
        oracle = family.oracle(task, random.Random(seed), wrong_branch)
        step, labels = next(oracle), []
        while step.call is not None:
            labels.append(step.label)
            step = oracle.send(environment.execute(step.call))
        assert step.summary and environment.verify(step.summary)
        assert labels.count("wrong") == labels.count("recovery") <= int(wrong_branch)


@contained
def test_observations_are_what_pytest_says(family: FunctionRepairFamily) -> None:
    source = "def add(a, b):\n    return a - b\n"
    tests = write_tests("add", (((2, 3), 5), ((2, 0), 2), ((1, 1), 2)))
    environment = FunctionEnvironment(
        tools=family.sample(0, "train").tools, runner=family.runner, source=source, tests=tests, hidden_tests=tests
    )
    assert call(environment, "run_tests").content == "assert -1 == 5\nwhere -1 = add(2, 3)\n2 failed, 1 passed"
    assert call(environment, "read_file", path="task.py").content == "1 def add(a, b):\n2     return a - b"
    assert call(environment, "read_file", path="/etc/passwd").status == "error"
    assert call(environment, "edit", line=9, text="x").status == "error"
    assert call(environment, "edit", line=2, text="x\ny").status == "error"
    assert call(environment, "edit", line="2", text="x").status == "error"
    assert call(environment, "edit", line=2, text="return a +").content == "2     return a +"
    assert "SyntaxError" in call(environment, "run_tests").content
    assert call(environment, "edit", line=2, text="return a + b").content == "2     return a + b"
    assert call(environment, "run_tests").content == "3 passed"
    assert environment.verify("done")


@contained
@pytest.mark.parametrize(
    "line",
    [
        "import os; os._exit(0)",
        "raise SystemExit(0)",
        "import pytest; pytest.skip('no', allow_module_level=True)",
        "return {(2, 3): 5, (2, 0): 2, (1, 1): 2}.get((a, b))",
    ],
)
def test_hidden_tests_cannot_be_cheated(family: FunctionRepairFamily, line: str) -> None:
    visible = (((2, 3), 5), ((2, 0), 2), ((1, 1), 2))
    environment = FunctionEnvironment(
        tools=family.sample(0, "train").tools,
        runner=family.runner,
        source="def add(a, b):\n    return a - b\n",
        tests=write_tests("add", visible),
        hidden_tests=write_tests("add", (*visible, ((7, 8), 15))),
    )
    assert call(environment, "edit", line=2, text=line).status == "ok"
    assert not environment.verify("done")
    call(environment, "edit", line=1, text=f"{line}  # in the module itself")
    assert not environment.verify("done")


@pytest.mark.parametrize(
    ("result", "status", "text"),
    [
        (Result(ending="timeout", exit_code=None, completed=False, output="", truncated=False), "timeout", "too long"),
        (Result(ending="signalled", exit_code=None, completed=False, output="", truncated=False), "timeout", "stopped"),
        (Result(ending="lost", exit_code=None, completed=False, output="", truncated=False), "error", "lost"),
        (Result(ending="exited", exit_code=0, completed=False, output="", truncated=False), "ok", "before its report"),
        (
            Result(ending="exited", exit_code=1, completed=True, truncated=False,
                   output="_ test_1 _\nE   assert <m.A object at 0x7f12> == 1\n/job/task.py\n1 failed in 0.31s\n"),
            "ok",
            "assert <m.A object at 0x> == 1\n1 failed",
        ),
    ],
)  # fmt: skip
def test_runs_are_shown_without_times_and_places(result: Result, status: str, text: str) -> None:
    shown = show_first_failure(read_report(result))
    assert shown.status == status and text in shown.content and "0.31" not in shown.content


def test_an_edited_line_keeps_its_indentation() -> None:
    assert replace_line("    return a", "  return b ") == "    return b"
    assert replace_line("x = 1", "    y = 2") == "y = 2"
