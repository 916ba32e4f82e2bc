"""Every family of this package. `cot_order` is the one meant to be held out for evaluation: its puzzles, clues and
claims (before, first or last, side by side) occur in no other."""

from __future__ import annotations

from components.agent.cot.dates import DateChains
from components.agent.cot.family import CotFamily
from components.agent.cot.mathematics import CotMathematicsFamily
from components.agent.cot.puzzles import Puzzles
from components.agent.cot.route import Routes
from components.agent.cot.schedule import Schedules
from components.agent.cot.sets import Memberships
from components.agent.environment import TaskFamily


def cot_families() -> list[TaskFamily]:
    """A fresh list: mathematics, and six domains with a checker of their own."""
    return [
        CotMathematicsFamily(),
        CotFamily(name="cot_schedule", source=Schedules()),
        CotFamily(name="cot_route", source=Routes()),
        CotFamily(name="cot_assignment", source=Puzzles(ordered=False, smallest=4, largest=4)),
        CotFamily(name="cot_dates", source=DateChains()),
        CotFamily(name="cot_sets", source=Memberships()),
        CotFamily(name="cot_order", source=Puzzles(ordered=True, smallest=4, largest=5)),
    ]
