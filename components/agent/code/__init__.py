"""Code tasks over real packages with real tests: see README.md."""

from components.agent.code.catalogue import PACKAGES
from components.agent.code.family import PackageFamily
from components.agent.code.mutants import Workshop
from components.agent.code.repair import PackageRepairFamily

__all__ = ["PACKAGES", "PackageFamily", "Workshop", "package_families"]


def package_families() -> list[PackageFamily]:
    """All of them share one workshop, so nothing is run twice."""
    workshop = Workshop()
    return [PackageRepairFamily(workshop)]
