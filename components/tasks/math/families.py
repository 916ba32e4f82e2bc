"""Every family of mathematics."""

from __future__ import annotations

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.tasks.math.answerable import AnswerableFamily
from components.tasks.math.find_error import FindErrorFamily
from components.tasks.math.schemas import FAMILY_SCHEMAS
from components.tasks.math.solve import SolveFamily


def families(knowledge: Knowledge | None = None) -> list[TaskFamily]:
    """A fresh list: eight families that solve, two that judge."""
    solving = [SolveFamily(name=name, schemas=schemas) for name, schemas in FAMILY_SCHEMAS.items()]
    return [*solving, FindErrorFamily(), AnswerableFamily()]
