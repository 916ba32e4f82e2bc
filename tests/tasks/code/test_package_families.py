"""Faults in real packages: every episode is executed, checked and happens again; nobody passes without repairing."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.agent.environment import Environment, Observation, Split, TaskFamily
from components.agent.episode_loop import run_episodes
from components.agent.messages import ToolCall
from components.agent.policies import NoOpPolicy, OraclePolicy, RandomToolPolicy
from components.core.errors import BadInput
from components.sandbox import probe
from components.tasks.code.catalogue import PACKAGES, Suite
from components.tasks.code.environment import PackageEnvironment
from components.tasks.code.families import families
from components.tasks.code.mutants import draw_mutant, healthy
from components.tasks.code.packages import definitions, load_package
from components.tasks.code.runner import TestRunner
from components.trajectories.checks.record import RECORD_CHECKS
from components.trajectories.checks.replay import replay
from components.trajectories.episodes import Synthesizer

pytestmark = pytest.mark.skipif(not probe().holds_untrusted_code, reason="the kernel grants no namespaces")
SEEDS = range(4)
FAMILIES = {family.name: family for family in families() if family.name != "code_repair"}
HELD_OUT = {spec.name for spec in PACKAGES if spec.split == "heldout"}


@pytest.fixture(params=sorted(FAMILIES))
def family(request: pytest.FixtureRequest) -> TaskFamily:
    return FAMILIES[request.param]


def call(environment: Environment, name: str, **arguments: object) -> Observation:
    return environment.execute(ToolCall(name=name, arguments=arguments))


@pytest.fixture
def broken_first() -> PackageEnvironment:
    """toolz, whose `first` gives nothing."""
    package = load_package("toolz")
    source = package.files["toolz/itertoolz.py"]
    suite = next(suite for suite in package.spec.suites if suite.tests == "toolz/tests/test_itertoolz.py")
    broken = source.replace("return next(iter(seq))", "return None", 1)
    assert broken != source
    return PackageEnvironment(
        tools=FAMILIES["code_package_repair"].sample(0, "train").tools,
        runner=TestRunner(),
        package=package,
        suite=suite,
        changed={"toolz/itertoolz.py": broken},
    )


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000), name=st.sampled_from(sorted(FAMILIES)), wrong_branch_share=st.sampled_from([0.0, 1.0])
)
def test_records_pass_every_check_and_happen_again(seed: int, name: str, wrong_branch_share: float) -> None:
    record = Synthesizer(dict(FAMILIES), "x").episode(name, seed, wrong_branch_share)
    assert {name: fault for name, check in RECORD_CHECKS.items() if (fault := check(record))} == {}
    labels = [step.label for step in record.steps]
    assert ("wrong" in labels) == (wrong_branch_share == 1.0) == ("recovery" in labels)
    assert replay(record, FAMILIES) is None
    shown = "\n".join(seen.content for step in record.steps for seen in step.obs)
    assert "/job" not in shown and "site-packages" not in shown and ".git" not in shown


def test_records_happen_again_where_nothing_is_remembered(family: TaskFamily) -> None:
    record = Synthesizer(dict(FAMILIES), "x").episode(family.name, 0, 1.0)
    fresh = {one.name: one for one in families()}  # with a runner of their own
    assert replay(record, {family.name: fresh[family.name]}) is None


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_oracles_succeed_and_baselines_do_not(family: TaskFamily, split: Split) -> None:
    tasks = [family.sample(seed, split) for seed in SEEDS]
    assert {task.payload["package"] in HELD_OUT for task in tasks} == {split == "heldout"}
    policies = (OraclePolicy(FAMILIES), NoOpPolicy(), RandomToolPolicy(0))
    rates = [
        sum(episode.success for episode in run_episodes(policy, tasks, families=FAMILIES, max_turns=14))
        for policy in policies
    ]
    assert rates == [len(SEEDS), 0, 0]


@pytest.mark.parametrize("name", ["code_localise", "code_package_repair"])
def test_an_issue_does_not_name_the_place(name: str) -> None:
    family = FAMILIES[name]
    for seed in SEEDS:
        task = family.sample(seed, "train")
        assert task == family.sample(seed, "train")
        words = task.prompt.replace(task.payload.get("failed") or " ", "")
        if not task.payload.get("quoted"):
            assert f":{task.payload['line']}" not in words and task.payload["broken"].strip() not in words
            assert task.payload["module"] not in words


def test_a_function_is_named_once_and_only_after_its_line_was_shown() -> None:
    family = FAMILIES["code_localise"]
    task = family.sample(0, "train")
    path, line, function = (task.payload[key] for key in ("module", "line", "function"))
    unseen = family.start(task)
    assert call(unseen, "blame", path=path, function=function).status == "ok"
    assert not unseen.verify(f"It is {function}.")
    environment = family.start(task)
    call(environment, "view", path=path, first=line, last=line)
    assert not environment.verify(f"It is {function}.")
    assert call(environment, "blame", path=path, function="no_such_function").status == "error"
    assert call(environment, "blame", path=path, function=function).status == "ok"
    assert environment.verify("")
    assert call(environment, "blame", path=path, function=function).status == "denied"
    wrong = family.start(task)
    call(wrong, "view", path=path, first=line, last=line)
    assert isinstance(wrong, PackageEnvironment)
    others = [found.qualname for found in definitions(wrong.files[path]) if not found.is_class]
    assert call(wrong, "blame", path=path, function=next(name for name in others if name != function)).status == "ok"
    assert not wrong.verify(f"It is {function}.")


def test_nothing_held_out_is_drawn_for_training() -> None:
    rng = random.Random(0)
    assert not {draw_mutant(rng, "train").package for _ in range(300)} & HELD_OUT
    assert {draw_mutant(rng, "heldout").package for _ in range(100)} <= HELD_OUT


def test_tools_tell_what_happened(broken_first: PackageEnvironment) -> None:
    ran = call(broken_first, "run_tests")
    assert ran.content.startswith("toolz/tests/test_itertoolz.py: ") and "FAILED test_first" in ran.content
    alone = call(broken_first, "run_tests", test="test_first")
    assert "1 failed\nFAILED test_first\n" in alone.content
    unknown = call(broken_first, "run_tests", test="test_frist")
    assert unknown.status == "error" and "no test 'test_frist'" in unknown.content and "test_first" in unknown.content
    assert call(broken_first, "view", path="toolz/itertools.py", first=1, last=2).status == "error"
    assert call(broken_first, "view", path="/etc/passwd", first=1, last=2).status == "error"
    assert call(broken_first, "edit", path="toolz/itertoolz.py", old="return", new="x").status == "error"
    assert call(broken_first, "edit", path="toolz/itertoolz.py", old="", new="x").status == "error"
    assert call(broken_first, "revert").status == "error"
    assert call(broken_first, "submit").content == "nothing is edited"


def test_an_edit_is_taken_back_and_a_repair_counts_once_submitted(broken_first: PackageEnvironment) -> None:
    path = "toolz/itertoolz.py"
    before = broken_first.changed[path]
    body = before.split("def first(seq):")[1].split("return None")[0]
    wrong = call(broken_first, "edit", path=path, old=f"{body}return None", new=f"{body}return 1")
    assert wrong.status == "ok" and "FAILED test_first" in call(broken_first, "run_tests", test="test_first").content
    assert call(broken_first, "revert").content.startswith("taken back: ")
    assert broken_first.changed[path] == before
    call(broken_first, "edit", path=path, old=f"{body}return None", new=f"{body}return next(iter(seq))")
    assert call(broken_first, "run_tests").content == "toolz/tests/test_itertoolz.py: 51 passed"
    assert not broken_first.verify("fixed")
    assert "-    return None\n+    return next(iter(seq))" in call(broken_first, "submit").content
    assert broken_first.verify("fixed")
    assert call(broken_first, "revert").status == "denied"


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("toolz/tests/test_itertoolz.py", "def test_first():", "def tset_first():"),
        ("toolz/itertoolz.py", "import heapq\n", "import heapq, os; os._exit(0)\n"),
        ("toolz/itertoolz.py", "import heapq\n", "import heapq, pytest; pytest.skip('no', allow_module_level=True)\n"),
    ],
)
def test_cheats_do_not_count(broken_first: PackageEnvironment, path: str, old: str, new: str) -> None:
    assert call(broken_first, "edit", path=path, old=old, new=new).status == "ok"
    call(broken_first, "run_tests")
    assert call(broken_first, "submit").status == "ok"
    assert not broken_first.verify("All tests pass.")


def test_a_package_that_is_broken_here_is_no_source_of_faults() -> None:
    package = load_package("toolz")
    missing = Suite(tests="toolz/tests/test_nowhere.py", modules=("toolz/itertoolz.py",))
    with pytest.raises(BadInput, match="does not pass here"):
        healthy(TestRunner(), package, missing.tests)
