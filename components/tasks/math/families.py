"""Every family of mathematics, by level."""

from __future__ import annotations

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.tasks.math.answerable import AnswerableFamily
from components.tasks.math.basic import FRACTIONS, GCD, LINEAR, POWERS
from components.tasks.math.complex import COUNTING, QUADRATIC, SYSTEM
from components.tasks.math.derivation import Schema
from components.tasks.math.find_error import FindErrorFamily
from components.tasks.math.rates import RATES
from components.tasks.math.solve import SolveFamily

LEVELS: dict[str, dict[str, tuple[Schema, ...]]] = {
    "basic": {
        "math_fractions": FRACTIONS,
        "math_linear": LINEAR,
        "math_gcd": GCD,
        "math_power_mod": POWERS,
    },
    "complex": {
        "math_quadratic": QUADRATIC,
        "math_system": SYSTEM,
        "math_rates": RATES,
        "math_counting": COUNTING,
    },
}
SCHEMAS: tuple[Schema, ...] = tuple(
    schema for families in LEVELS.values() for schemas in families.values() for schema in schemas
)


def families(knowledge: Knowledge | None = None) -> list[TaskFamily]:
    """A fresh list: eight families that solve, two that judge."""
    solving = [
        SolveFamily(name=name, level=level, schemas=schemas)
        for level, named in LEVELS.items()
        for name, schemas in named.items()
    ]
    return [*solving, FindErrorFamily(schemas=SCHEMAS), AnswerableFamily()]
