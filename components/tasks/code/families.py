"""Code tasks over small functions and over real packages with real tests: see README.md."""

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.tasks.code.bench import TestBench
from components.tasks.code.family import PackageFamily
from components.tasks.code.function_repair import CodeRepairFamily
from components.tasks.code.localise import LocaliseFamily
from components.tasks.code.mutants import Workshop
from components.tasks.code.repair import PackageRepairFamily
from components.tasks.code.write_test import WriteTestFamily


def package_families(bench: TestBench | None = None) -> list[PackageFamily]:
    """All of them share one workshop, so nothing is run twice."""
    workshop = Workshop(bench)
    return [PackageRepairFamily(workshop), LocaliseFamily(workshop), WriteTestFamily(workshop)]


def families(knowledge: Knowledge | None = None) -> list[TaskFamily]:
    """The whole stream, with one sandbox for all of it."""
    bench = TestBench()
    return [CodeRepairFamily(bench=bench), *package_families(bench)]
