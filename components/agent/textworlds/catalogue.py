"""The families of this package, and what is missing where there are none."""

from __future__ import annotations

from components.agent.environment import TaskFamily
from components.agent.textworlds.coin import CoinPlayer
from components.agent.textworlds.cooking import CookPlayer
from components.agent.textworlds.family import ExpressFamily
from components.agent.textworlds.jvm import lacking
from components.agent.textworlds.maps import MapPlayer
from components.agent.textworlds.orders import OrdersPlayer
from components.agent.textworlds.quantities import SortPlayer, SumPlayer
from components.agent.textworlds.thoughts import Player

_EXPRESS: dict[str, Player] = {
    "express_coin": CoinPlayer(),
    "express_map": MapPlayer(),
    "express_sum": SumPlayer(),
    "express_sort": SortPlayer(),
    "express_orders": OrdersPlayer(),
    "express_cooking": CookPlayer(),
}


def textworld_families() -> list[TaskFamily]:
    """A fresh list, empty where the simulator or Java is not installed. No simulator is started here."""
    return (
        [] if lacking("textworld_express") else [ExpressFamily(name=name, player=_EXPRESS[name]) for name in _EXPRESS]
    )


def absent_textworlds() -> dict[str, str]:
    """Families that cannot be had on this machine, each with what is missing and the remedy."""
    fault = lacking("textworld_express")
    return dict.fromkeys(_EXPRESS, fault) if fault else {}
