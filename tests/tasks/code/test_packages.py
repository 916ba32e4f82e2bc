"""What ships, what an operator may do to it, and what a reader of a test run is shown."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.sandbox import Result
from components.tasks.code.catalogue import PACKAGES
from components.tasks.code.family import edit_text
from components.tasks.code.operators import OPERATORS, Mutation, mutations
from components.tasks.code.packages import SHIPPED, definitions, is_test_file, load_package, named_tests, package_path
from components.tasks.code.report import depends_on_addresses, read_report, show_report
from components.tasks.code.tools import search, view
from components.tasks.code.wrong_versions import WRONG_VERSIONS

DENIED = {
    "astropy", "django", "flask", "matplotlib", "seaborn", "requests", "xarray", "pylint", "pytest", "scikit-learn",
    "sphinx", "sympy",
}  # fmt: skip  # what SWE-bench is made of
SOURCES = [(spec.name, module) for spec in PACKAGES for suite in spec.suites for module in suite.modules]


def every_mutation() -> Iterator[tuple[str, Mutation]]:
    for name, module in dict.fromkeys(SOURCES):
        source = load_package(name).files[module]
        yield from ((source, mutation) for mutation in mutations(source))


def test_what_ships_is_permitted_small_and_noticed() -> None:
    assert not {spec.distribution.casefold() for spec in PACKAGES} & DENIED
    assert {spec.licence for spec in PACKAGES} <= {"MIT", "BSD-3-Clause", "Apache-2.0"}
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 1.5 * 2**20
    notice = (SHIPPED / "NOTICE.md").read_text()
    for spec in PACKAGES:
        assert f"`{spec.distribution}` {spec.version} | {spec.licence}" in notice
        assert package_path(spec.name).is_file() and (SHIPPED / f"LICENCE.{spec.name}").stat().st_size > 300
    assert WRONG_VERSIONS.parent == SHIPPED and WRONG_VERSIONS.is_file()  # made by a command of its own
    assert len(list(SHIPPED.iterdir())) == 2 * len(PACKAGES) + 2


def test_packages_do_not_cross_the_split() -> None:
    by_split = {split: {spec.name for spec in PACKAGES if spec.split == split} for split in ("train", "heldout")}
    assert len(by_split["train"]) >= 4 and len(by_split["heldout"]) >= 2
    files = {split: set[str]() for split in by_split}
    for split, names in by_split.items():
        files[split] = {text for name in names for text in load_package(name).files.values() if len(text) > 200}
    assert not files["train"] & files["heldout"]


@pytest.mark.parametrize("spec", PACKAGES, ids=lambda spec: spec.name)
def test_a_package_holds_its_suites_and_no_history(spec) -> None:  # type: ignore[no-untyped-def]
    files = load_package(spec.name).files
    assert all(path.endswith(".py") and not Path(path).is_absolute() and ".." not in Path(path).parts for path in files)
    for suite in spec.suites:
        assert is_test_file(suite.tests) and named_tests(files[suite.tests])
        assert all(module in files and not is_test_file(module) for module in suite.modules)


def test_every_operator_finds_work_and_changes_one_line_of_its_function() -> None:
    seen: set[str] = set()
    for source, mutation in every_mutation():
        seen.add(mutation.operator)
        changed = mutation.apply(source)
        pairs = zip(source.split("\n"), changed.split("\n"), strict=True)
        assert [number for number, (a, b) in enumerate(pairs, start=1) if a != b] == [mutation.line]
        assert mutation.function.first <= mutation.line <= mutation.function.last
    assert seen == set(OPERATORS) and len(OPERATORS) >= 8


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_mutant_parses_and_means_something_else(data: st.DataObject) -> None:
    name, module = data.draw(st.sampled_from(SOURCES))
    source = load_package(name).files[module]
    mutation = data.draw(st.sampled_from(mutations(source)))
    assert ast.dump(ast.parse(mutation.apply(source))) != ast.dump(ast.parse(source))
    texts = edit_text(mutation.apply(source), mutation.line, mutation.old)
    if texts is not None:  # an exact edit takes the fault back
        assert mutation.apply(source).count(texts[0]) == 1
        assert mutation.apply(source).replace(*texts) == source


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_views_are_bounded_and_show_what_they_say(data: st.DataObject) -> None:
    name, module = data.draw(st.sampled_from(SOURCES))
    files = load_package(name).files
    lines = files[module].splitlines()
    first, last = data.draw(st.integers(-2, len(lines) + 5)), data.draw(st.integers(-2, len(lines) + 50))
    seen = view(files, module, first, last)
    assert len(seen.content) < 1600
    if seen.status == "ok":
        numbered = [line.split(" ", 1) for line in seen.content.splitlines() if line[:1].isdigit()]
        assert all(lines[int(number) - 1] == text for number, text in numbered)
        whole = len(numbered) == min(last, len(lines)) - first + 1
        assert whole or "..." in seen.content


def test_a_search_shows_where_a_definition_ends() -> None:
    files = load_package("toolz").files
    (hit,) = search(files, "def interleave(").content.splitlines()
    place, _, text = hit.partition(": ")
    path, first, last = place.replace("-", ":").split(":")
    assert text == "def interleave(seqs):"
    assert any(
        (found.name, found.first, found.last) == ("interleave", int(first), int(last))
        for found in definitions(files[path])
    )
    assert "... " in search(files, "return").content.splitlines()[-1]
    assert search(files, "no such text").content.startswith("no line holds")
    assert search(files, " ").status == "error"


@pytest.mark.parametrize(
    ("text", "depends"),
    [
        ("E assert {(None, 3), (2, 2)} == {(2, 2)}", True),
        ("E assert {1, 2, None...", True),
        ("E assert <A object at 0x>", True),
        ("E assert {'a': None} == {}", False),
        ("E assert [None, {1}] == None", False),
    ],
)
def test_what_depends_on_addresses_is_noticed(text: str, depends: bool) -> None:
    assert depends_on_addresses(text) == depends


def test_runs_are_shown_without_times_places_and_addresses() -> None:
    output = (
        "F.\n=== FAILURES ===\n_ TestA.test_b _\np/tests/test_a.py:3: in test_b\n    f(1)\n"
        "/usr/lib/python3/unittest/case.py:9: in call\n    g()\np/a.py:7: in f\n    return <p.A object at 0x7f01ab>\n"
        "E   AssertionError: assert [...b01f82adec110>] == <A at 0x55aa>\nE     - one\n"
        "=== short test summary info ===\nFAILED p/tests/test_a.py::TestA::test_b[x-1] - AssertionError\n"
        "1 failed, 1 passed in 0.31s\n"
    )
    result = Result(ending="exited", exit_code=1, completed=True, output=output, truncated=False)
    report = read_report(result)
    assert report.broke and report.failed == ("TestA::test_b",) and report.counts == {"failed": 1, "passed": 1}
    assert show_report(report, "p/tests/test_a.py").content.splitlines() == [
        "p/tests/test_a.py: 1 failed, 1 passed",
        "FAILED TestA::test_b",
        "p/tests/test_a.py:3: in test_b",
        "    f(1)",
        "p/a.py:7: in f",
        "    return <p.A object at 0x>",
        "E AssertionError: assert [...>] == <A at 0x>",
        "E - one",
    ]
    for ending in ("timeout", "signalled"):
        stopped = Result(ending=ending, exit_code=None, completed=False, output="", truncated=False)
        assert show_report(read_report(stopped), "t.py").status == "timeout"
