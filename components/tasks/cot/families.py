"""Every family of this package. `cot_order` is the one meant to be held out for evaluation: its puzzles, clues and
claims (before, first or last, side by side) occur in no other."""

from __future__ import annotations

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.tasks.cot.assignment import Assignment
from components.tasks.cot.dates import Dates
from components.tasks.cot.family import CotFamily
from components.tasks.cot.mathematics import CotMathematicsFamily
from components.tasks.cot.order import Order
from components.tasks.cot.route import Route
from components.tasks.cot.schedule import Schedule
from components.tasks.cot.sets import Clubs


def families(knowledge: Knowledge | None = None) -> list[TaskFamily]:
    """A fresh list: mathematics, and six kinds of puzzle with a checker of their own."""
    return [
        CotMathematicsFamily(),
        CotFamily(name="cot_schedule", puzzle=Schedule),
        CotFamily(name="cot_route", puzzle=Route),
        CotFamily(name="cot_assignment", puzzle=Assignment),
        CotFamily(name="cot_dates", puzzle=Dates),
        CotFamily(name="cot_sets", puzzle=Clubs),
        CotFamily(name="cot_order", puzzle=Order),
    ]
