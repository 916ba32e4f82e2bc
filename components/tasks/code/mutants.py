"""Mutants of the shipped packages and what their own tests make of them.

A mutant is valid when tests that passed fail, within bounded time and memory, with every test file still readable; the
first failure is run once more alone, so that no flaky test counts. A mutant that no test notices is a survivor.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from components.agent.environment import Split
from components.core.errors import BadInput
from components.tasks.code.catalogue import Suite
from components.tasks.code.operators import OPERATORS, Mutation, mutations
from components.tasks.code.packages import Package, load_package, suites_of
from components.tasks.code.report import Report
from components.tasks.code.runner import TestRunner

_OUT_OF_BOUNDS = ("MemoryError", "RecursionError")
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

    def test(self, runner: TestRunner, *names: str) -> Report:
        """Run its suite, or the tests called `names` of it."""
        return runner.test({**self.origin.files, self.module: self.source}, self.suite.tests, names)


def healthy(runner: TestRunner, package: Package, tests: str) -> Report:
    """The test file on the package as it is. Raises BadInput where it does not pass on this machine."""
    report = runner.test(package.files, tests)
    if not report.passed:
        raise BadInput(
            f"{package.spec.name}: {tests} does not pass here ({report.summary() or report.result.ending}); "
            "install requirements/runtime.txt with the Python it names or leave the code_package families out"
        )
    return report


def passes(runner: TestRunner, package: Package, changed: Mapping[str, str], tests: str) -> bool:
    """Whether as many tests run and pass with the `changed` files as on the package as it is: a skipped one is no
    pass."""
    report = runner.test({**package.files, **changed}, tests)
    return report.passed and report.counts == healthy(runner, package, tests).counts


def judge(runner: TestRunner, mutant: Mutant) -> tuple[Verdict, Report]:
    """What the suite makes of a mutant. Raises BadInput as `healthy` does."""
    healthy(runner, mutant.origin, mutant.suite.tests)
    report = mutant.test(runner)
    if report.passed:
        return "survived", report
    if report.result.ending != "exited" or any(error.startswith(_OUT_OF_BOUNDS) for error in report.errors):
        return "out of bounds", report
    if not report.broke or not report.failed:
        return "not collected", report
    return "valid" if "passed" in report.counts else "all broken", report


def is_flaky(runner: TestRunner, mutant: Mutant, report: Report) -> bool:
    """Whether the first test that failed does not fail in the same way when it runs alone."""
    again = mutant.test(runner, report.failed[0])
    return not again.broke or again.errors != report.errors or again.frames != report.frames


def draw_mutant(rng: random.Random, split: Split) -> Mutant:
    """Any mutant of the split's packages: modules by the square root of their size, then operators alike."""
    entries, weights = _entries(split)
    package, suite, module = rng.choices(entries, weights)[0]
    found = mutations(load_package(package).files[module])
    operator = rng.choice([name for name in OPERATORS if any(mutation.operator == name for mutation in found)])
    mutation = rng.choice([mutation for mutation in found if mutation.operator == operator])
    return Mutant(package=package, suite=suite, module=module, mutation=mutation)


@cache
def _entries(split: Split) -> tuple[list[tuple[str, Suite, str]], list[float]]:
    entries = list(suites_of(split))
    sizes = [len(mutations(load_package(package).files[module])) for package, _, module in entries]
    return entries, [math.sqrt(size) for size in sizes]
