"""Every family of this package. `cot_order` is the one meant to be held out for evaluation: its puzzles, clues and
claims (before, first or last, side by side) occur in no other."""

from __future__ import annotations

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.tasks.cot.dates import DateChains
from components.tasks.cot.family import CotFamily
from components.tasks.cot.mathematics import CotMathematicsFamily
from components.tasks.cot.puzzles import Puzzles
from components.tasks.cot.route import Routes
from components.tasks.cot.schedule import Schedules
from components.tasks.cot.sets import Memberships


def families(knowledge: Knowledge | None = None) -> list[TaskFamily]:
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
