"""The families of this package, and what is missing where there are none.

`gym_simple_geometry`, `gym_word_sorting` and `gym_count_bits` are meant to be held out for evaluation: their tools and
their manner occur in others, their questions in none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.core.params import Stream
from components.tasks.extra.gym import arithmetic, digits, rows
from components.tasks.extra.gym.family import GymFamily, Lesson
from components.tasks.extra.gym.items import Item, Source, lacking


def _row(
    dataset: str, domain: Stream, derive: Callable[[Item], Lesson | None], *facts: str, **settings: Any
) -> GymFamily:
    source = Source(dataset=dataset, facts=facts, settings=settings)
    return GymFamily(name=f"gym_{dataset}", source=source, derive=derive, domain=domain)


# The settings keep a derivation within what a policy may take in turns and characters, and questions apart from those
# of other families: `arithmetic_three_terms` has three terms, `components.tasks.math` smaller numbers.
_FAMILIES = (
    _row("chain_sum", "math", arithmetic.chain, "expression", min_terms=4),
    _row("products", "math", arithmetic.chain, "expression", min_terms=3, max_terms=4, max_digits=3),
    _row("basic_arithmetic", "math", arithmetic.expression, "expression",
         min_terms=4, max_digits=3, operators=["+", "-", "*"], allow_negation=False),
    _row("gcd", "math", arithmetic.greatest_common_divisor, "numbers", min_value=241, max_numbers=3),
    _row("lcm", "math", arithmetic.least_common_multiple, "numbers", min_value=91, max_value=400),
    _row("fraction_simplification", "math", arithmetic.lowest_terms, "numerator", "denominator", "style",
         max_value=200, min_factor=2, max_factor=40),
    _row("simple_equations", "math", arithmetic.linear_equation, "equation", "variable"),
    _row("leg_counting", "math", arithmetic.legs, "animals", max_animals=6),
    _row("simple_geometry", "math", arithmetic.last_angle, "n_sides", "known_angles"),
    _row("base_conversion", "cot", digits.base_conversion, "source_repr", "source_base", "target_base",
         min_value=20, max_value=5000),
    _row("count_bits", "cot", digits.count_bits, "number", min_n=9, max_n=4095),
    _row("prime_factorization", "cot", digits.prime_factorization, "number", min_value=8, max_value=20000),
    _row("number_sorting", "cot", rows.number_sorting, "original_numbers", "direction", min_numbers=4),
    _row("word_sorting", "cot", rows.word_sorting, "transformed_words", "direction", min_words=4),
    _row("number_filtering", "cot", rows.number_filtering, "original_numbers", "filter_value", "operation",
         min_numbers=4),
    _row("letter_counting", "cot", rows.letter_counting, "target_letter", "span", max_words=12),
    _row("spell_backward", "cot", rows.spell_backward, "word", min_word_len=5),
)  # fmt: skip


def families(knowledge: Knowledge | None = None) -> list[TaskFamily]:
    """A fresh list, empty where reasoning-gym is not installed. No dataset is made here."""
    return [] if lacking() else list(_FAMILIES)


def absent() -> dict[str, str]:
    """Families that cannot be had on this machine, each with what is missing and the remedy."""
    fault = lacking()
    return {family.name: fault for family in _FAMILIES} if fault else {}
