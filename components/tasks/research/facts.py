"""Facts as look-ups and deep research ask for them: fields, short values, and answers compared word by word."""

from __future__ import annotations

import re
from collections.abc import Iterable

from components.agent.environment import Split
from components.core.errors import BadInput
from components.tasks.kit.citations import normal_words
from components.tasks.kit.splits import split_of

# Fields with one short value; the others are long, or lists.
ASKED = (
    "airports", "anthem", "area_total", "capital", "coastline", "currency", "government_type", "highest_point",
    "independence", "internet_code", "language", "life_expectancy", "median_age", "nationality", "population",
    "railways", "religion",
)  # fmt: skip
_MAX_VALUE_WORDS, _MAX_VALUE_CHARACTERS = 4, 28
_MAX_EXTRA_WORDS = 10
_AMOUNT = re.compile(r"(\d[\d,]*(?:\.\d+)?)( million| billion)?")
_SCALES = {None: 1.0, " million": 1e6, " billion": 1e9}


def countries_by_split(countries: Iterable[str]) -> dict[Split, tuple[str, ...]]:
    """Countries in their order, each in the one split that asks about it."""
    found: dict[Split, list[str]] = {"train": [], "heldout": []}
    for country in countries:
        found[split_of("country", country)].append(country)
    return {split: tuple(names) for split, names in found.items()}


def too_few_countries(family: str, split: Split) -> BadInput:
    return BadInput(f"{family}: the Factbook holds too few countries for the {split} split; ingest the whole source")


def is_short(value: str) -> bool:
    """Whether a value is short enough to ask for or to ask with."""
    return len(value.split()) <= _MAX_VALUE_WORDS and len(value) <= _MAX_VALUE_CHARACTERS


def read_amount(value: str) -> float | None:
    """The number a value starts with, or None."""
    found = _AMOUNT.match(value)
    return float(found[1].replace(",", "")) * _SCALES[found[2]] if found else None


def answers_with(answer: str, value: str) -> bool:
    """Whether an answer is the value, or a short sentence that ends with it."""
    words, wanted = normal_words(answer), normal_words(value)
    return words[-len(wanted) :] == wanted and len(words) <= len(wanted) + _MAX_EXTRA_WORDS
