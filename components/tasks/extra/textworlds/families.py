"""The families of this package, and what is missing where there are none."""

from __future__ import annotations

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.tasks.extra.textworlds.coin import CoinPlayer
from components.tasks.extra.textworlds.cooking import CookPlayer
from components.tasks.extra.textworlds.family import Simulator, TextWorldFamily
from components.tasks.extra.textworlds.jvm import lacking
from components.tasks.extra.textworlds.maps import MapPlayer
from components.tasks.extra.textworlds.orders import OrdersPlayer
from components.tasks.extra.textworlds.quantities import SortPlayer, SumPlayer
from components.tasks.extra.textworlds.science import FindPlayer, LifespanPlayer
from components.tasks.extra.textworlds.sessions import ExpressSession, ScienceSession

_EXPRESS = Simulator(package="textworld_express", distribution="textworld-express", begin=ExpressSession)
_SCIENCE = Simulator(package="scienceworld", distribution="scienceworld", begin=ScienceSession)
_FAMILIES = [
    TextWorldFamily(name="express_coin", simulator=_EXPRESS, player=CoinPlayer()),
    TextWorldFamily(name="express_map", simulator=_EXPRESS, player=MapPlayer()),
    TextWorldFamily(name="express_sum", simulator=_EXPRESS, player=SumPlayer()),
    TextWorldFamily(name="express_sort", simulator=_EXPRESS, player=SortPlayer()),
    TextWorldFamily(name="express_orders", simulator=_EXPRESS, player=OrdersPlayer()),
    TextWorldFamily(name="express_cooking", simulator=_EXPRESS, player=CookPlayer()),
    TextWorldFamily(name="science_find", simulator=_SCIENCE, player=FindPlayer()),
    TextWorldFamily(name="science_lifespan", simulator=_SCIENCE, player=LifespanPlayer()),
]


def families(knowledge: Knowledge | None = None) -> list[TaskFamily]:
    """A fresh list, without those whose simulator or Java is not installed. No simulator is started here."""
    return [family for family in _FAMILIES if lacking(family.simulator.package) is None]


def absent() -> dict[str, str]:
    """Families that cannot be had on this machine, each with what is missing and the remedy."""
    faults = {family.name: lacking(family.simulator.package) for family in _FAMILIES}
    return {name: fault for name, fault in faults.items() if fault is not None}
