"""Mutants of the shipped packages and what their own tests make of them.

A mutant is valid when tests that passed now fail, and it neither runs out of time or memory nor keeps a test file from
being read; the first failure is run once more alone, so that no flaky test counts. One that no test notices is a
survivor.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from components.agent.environment import Split
from components.core.errors import BadInput
from components.sandbox import Result
from components.tasks.code.bench import PYTEST, TestBench
from components.tasks.code.catalogue import Suite
from components.tasks.code.operators import OPERATORS, Mutation, mutations
from components.tasks.code.packages import Package, load_package, suites_of
from components.tasks.code.report import Report, read_report

_MAXFAIL = 3
# A temporary file's random name stands in the messages of tests that write files; each test then says another thing at
# every run. This plugin numbers them instead, from 0 for each test.
_PLUGIN = "numbered_files"
_NUMBERED_FILES = """import itertools, tempfile

def pytest_runtest_setup(item):
    tempfile._name_sequence = map("{:08}".format, itertools.count())
"""
_UNCLEAR = ("MemoryError", "RecursionError")
Verdict = Literal["valid", "survived", "all broken", "not collected", "out of bounds"]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One fault in one module, seen by one suite."""

    package: str
    suite: Suite
    module: str
    mutation: Mutation

    @property
    def origin(self) -> Package:
        return load_package(self.package)

    @property
    def source(self) -> str:
        """The module with the fault in it."""
        return self.mutation.apply(self.origin.files[self.module])


class Workshop:
    """Draws mutants and runs test files; one bench for all that is run."""

    def __init__(self, bench: TestBench | None = None) -> None:
        self.bench = bench or TestBench()

    def test(self, package: Package, changed: Mapping[str, str], tests: str, names: tuple[str, ...] = ()) -> Result:
        """Run a test file, or the tests called `names` of it, on the package with some files changed."""
        targets = [f"{tests}::{name}" for name in names] or [tests]
        files = {**package.files, **changed, f"{_PLUGIN}.py": _NUMBERED_FILES}
        return self.bench.run(files, [*PYTEST, f"-p{_PLUGIN}", f"--maxfail={_MAXFAIL}", *targets])

    def healthy(self, package: Package, tests: str) -> Report:
        """The test file on the package as it is. Raises BadInput where it does not pass on this machine."""
        report = read_report(self.test(package, {}, tests))
        if not report.passed:
            raise BadInput(
                f"{package.spec.name}: {tests} does not pass here ({report.summary() or report.result.ending}); "
                "install requirements/runtime.txt with the Python it names or leave the code_package families out"
            )
        return report

    def passes(self, package: Package, changed: Mapping[str, str], tests: str) -> bool:
        """Whether as many tests run and pass as on the package as it is: a skipped one is no pass."""
        report = read_report(self.test(package, changed, tests))
        return report.passed and report.counts == self.healthy(package, tests).counts

    def judge(self, mutant: Mutant) -> tuple[Verdict, Report]:
        package, tests = mutant.origin, mutant.suite.tests
        self.healthy(package, tests)
        changed = {mutant.module: mutant.source}
        report = read_report(self.test(package, changed, tests))
        if report.passed:
            return "survived", report
        if report.result.ending != "exited" or any(error.startswith(_UNCLEAR) for error in report.errors):
            return "out of bounds", report
        if not report.broke or not report.failed:
            return "not collected", report
        if "passed" not in report.counts:
            return "all broken", report
        return "valid", report

    def is_flaky(self, mutant: Mutant, report: Report) -> bool:
        """Whether the first test that failed does not fail in the same way when it runs alone."""
        changed = {mutant.module: mutant.source}
        again = read_report(self.test(mutant.origin, changed, mutant.suite.tests, report.failed[:1]))
        return not again.broke or again.errors != report.errors or again.frames != report.frames


def draw_mutant(rng: random.Random, split: Split) -> Mutant:
    """Any mutant of the split's packages: modules by the square root of their size, then operators alike."""
    entries, weights = _entries(split)
    package, suite, module = rng.choices(entries, weights)[0]
    found = mutations(load_package(package).files[module])
    operator = rng.choice([name for name in OPERATORS if any(mutation.operator == name for mutation in found)])
    mutation = rng.choice([mutation for mutation in found if mutation.operator == operator])
    return Mutant(package=package, suite=suite, module=module, mutation=mutation)


def draws(rng: random.Random, split: Split, most: int) -> Iterator[Mutant]:
    for _ in range(most):
        yield draw_mutant(rng, split)


@cache
def _entries(split: Split) -> tuple[list[tuple[str, Suite, str]], list[float]]:
    entries = list(suites_of(split))
    sizes = [len(mutations(load_package(package).files[module])) for package, _, module in entries]
    return entries, [math.sqrt(size) for size in sizes]
