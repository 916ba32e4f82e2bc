"""The families of code tasks, with one sandbox for all of them."""

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.tasks.code.function_repair import FunctionRepairFamily
from components.tasks.code.localise import LocaliseFamily
from components.tasks.code.package_repair import PackageRepairFamily
from components.tasks.code.runner import TestRunner
from components.tasks.code.write_test import WriteTestFamily


def families(knowledge: Knowledge | None = None) -> list[TaskFamily]:
    runner = TestRunner()
    kinds = (FunctionRepairFamily, PackageRepairFamily, LocaliseFamily, WriteTestFamily)
    return [kind(runner) for kind in kinds]
