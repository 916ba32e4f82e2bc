"""The registry of task families: what `params.trajectories.families` and `evaluation.held_out_families` may name.

A module is imported when one of its families is asked for, so a family costs nothing, and enters no stage's identity,
where it is not named. Other packages add families by an entry point of the group `trivium.task_families`: its name is
the family's, its value a module like the ones below.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points

from components.agent.environment import TaskFamily
from components.agent.factbook import Knowledge
from components.core.errors import BadInput
from components.core.validation import suggest

ENTRY_POINTS = "trivium.task_families"
# Families by the module that makes them. The module has `families(knowledge)`; one of `extra` also has `absent()`.
_MODULES: Mapping[str, tuple[str, ...]] = {
    "components.tasks.math.arithmetic": (
        "arithmetic_add",
        "arithmetic_subtract",
        "arithmetic_multiply",
        "arithmetic_three_terms",
    ),
    "components.tasks.research.lookups": (
        "factbook_field",
        "factbook_compare",
    ),
    "components.tasks.code.families": (
        "code_repair",
        "code_package_repair",
        "code_localise",
        "code_write_test",
    ),
    "components.tasks.math.families": (
        "math_fractions",
        "math_linear",
        "math_gcd",
        "math_power_mod",
        "math_counting",
        "math_quadratic",
        "math_system",
        "math_rates",
        "math_find_error",
        "math_answerable",
    ),
    "components.tasks.cot.families": (
        "cot_mathematics",
        "cot_schedule",
        "cot_route",
        "cot_assignment",
        "cot_dates",
        "cot_sets",
        "cot_order",
    ),
    "components.tasks.tools.families": (
        "tools_single",
        "tools_chain",
        "tools_missing",
        "tools_refusal",
        "tools_irrelevant",
        "tools_fault",
    ),
    "components.tasks.research.families": (
        "research_chain",
        "research_intersection",
        "research_compare_set",
        "research_report",
        "research_unanswerable",
        "research_contradiction",
    ),
    "components.tasks.extra.textworlds.families": (
        "express_coin",
        "express_map",
        "express_sum",
        "express_sort",
        "express_orders",
        "express_cooking",
        "science_find",
        "science_lifespan",
    ),
    "components.tasks.extra.gym.families": (
        "gym_chain_sum",
        "gym_products",
        "gym_basic_arithmetic",
        "gym_gcd",
        "gym_lcm",
        "gym_fraction_simplification",
        "gym_simple_equations",
        "gym_leg_counting",
        "gym_simple_geometry",
        "gym_base_conversion",
        "gym_count_bits",
        "gym_prime_factorization",
        "gym_number_sorting",
        "gym_word_sorting",
        "gym_number_filtering",
        "gym_letter_counting",
        "gym_spell_backward",
    ),
}


def family_modules() -> dict[str, str]:
    """The module of every family by name."""
    found = {family: module for module, families in _MODULES.items() for family in families}
    return found | {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}


def load_families(knowledge: Knowledge, names: Iterable[str] | None = None) -> dict[str, TaskFamily]:
    """Families by name; those that look things up search in `knowledge`. Without `names` all that this machine has.

    Names that no module has are left out: `choose_families` refuses them.
    """
    modules = family_modules()
    wanted = dict.fromkeys(modules if names is None else names)
    found: dict[str, TaskFamily] = {}
    for module in dict.fromkeys(modules[name] for name in wanted if name in modules):
        found |= {family.name: family for family in importlib.import_module(module).families(knowledge)}
    return {name: found[name] for name in wanted if name in found}


def choose_families(families: Mapping[str, TaskFamily], names: Iterable[str], field: str) -> dict[str, TaskFamily]:
    """The families called `names`. Raises BadInput naming `field` of params.yaml for one that does not exist, or not on
    this machine."""
    chosen = list(names)
    modules = family_modules()
    for name in chosen:
        if name in families:
            continue
        if name not in modules:
            raise BadInput(f"{field}: no task family {name!r}; {suggest(name, sorted(modules))}")
        absent: dict[str, str] = importlib.import_module(modules[name]).absent()
        raise BadInput(f"{field}: task family {name!r} {absent[name]}")
    return {name: families[name] for name in chosen}
