"""The families of this package, and what is missing where there are none."""

from __future__ import annotations

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.tasks.extra.textworlds.coin import COIN
from components.tasks.extra.textworlds.cooking import COOKING
from components.tasks.extra.textworlds.jvm import lacking
from components.tasks.extra.textworlds.maps import MAP
from components.tasks.extra.textworlds.orders import ORDERS
from components.tasks.extra.textworlds.science import FIND, LIFESPAN
from components.tasks.extra.textworlds.sorting import SORT
from components.tasks.extra.textworlds.sums import SUM

_FAMILIES = (COIN, MAP, SUM, SORT, ORDERS, COOKING, FIND, LIFESPAN)


def families(knowledge: Knowledge | None = None) -> list[TaskFamily]:
    """A fresh list, without those whose simulator or Java is not installed. No simulator is started here."""
    return [family for family in _FAMILIES if lacking(family.simulator.package) is None]


def absent() -> dict[str, str]:
    """Families that cannot be had on this machine, each with what is missing and the remedy."""
    faults = {family.name: lacking(family.simulator.package) for family in _FAMILIES}
    return {name: fault for name, fault in faults.items() if fault is not None}
