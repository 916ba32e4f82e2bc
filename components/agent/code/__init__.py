"""Code tasks over small functions and over real packages with real tests: see README.md."""

from components.agent.code.bench import TestBench
from components.agent.code.catalogue import PACKAGES
from components.agent.code.family import PackageFamily
from components.agent.code.function_repair import CodeRepairFamily
from components.agent.code.localise import LocaliseFamily
from components.agent.code.mutants import Workshop
from components.agent.code.repair import PackageRepairFamily
from components.agent.code.write_test import WriteTestFamily
from components.agent.environment import TaskFamily

__all__ = ["PACKAGES", "PackageFamily", "Workshop", "code_families", "package_families"]


def package_families(bench: TestBench | None = None) -> list[PackageFamily]:
    """All of them share one workshop, so nothing is run twice."""
    workshop = Workshop(bench)
    return [PackageRepairFamily(workshop), LocaliseFamily(workshop), WriteTestFamily(workshop)]


def code_families() -> list[TaskFamily]:
    """The whole stream, with one sandbox for all of it."""
    bench = TestBench()
    return [CodeRepairFamily(bench=bench), *package_families(bench)]
