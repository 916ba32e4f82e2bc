"""Every family of mathematics, by level."""

from __future__ import annotations

from components.agent.environment import TaskFamily
from components.agent.mathematics.answerable import AnswerableFamily
from components.agent.mathematics.basic import FRACTIONS, GCD, LINEAR, POWERS
from components.agent.mathematics.complex import COUNTING, QUADRATIC, SYSTEM
from components.agent.mathematics.derivation import Schema
from components.agent.mathematics.find_error import FindErrorFamily
from components.agent.mathematics.rates import RATES
from components.agent.mathematics.solve import SolveFamily

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


def mathematics_families() -> list[TaskFamily]:
    """A fresh list: eight families that solve, two that judge."""
    solving = [
        SolveFamily(name=name, level=level, schemas=schemas)
        for level, families in LEVELS.items()
        for name, schemas in families.items()
    ]
    return [*solving, FindErrorFamily(schemas=SCHEMAS), AnswerableFamily()]
