"""docs/gallery.md is what the families make today."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from components.tasks.gallery import GALLERY, read_sections, section
from components.tasks.kit.registry import family_modules
from components.tasks.show import Listed, list_families, starter_knowledge

PAGE = (Path(__file__).parents[2] / GALLERY).read_text(encoding="utf-8")
SECTIONS = read_sections(PAGE)
SLOW = ("components.tasks.code.", "components.tasks.extra.textworlds.")


@cache
def _listed() -> dict[str, Listed]:
    return {row.name: row for row in list_families(starter_knowledge())}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if module.startswith(SLOW) else ())
        for name, module in family_modules().items()
    ],
)
def test_the_page_shows_the_episode_of_every_family(name: str) -> None:
    """`python -m components.tasks gallery PREFIX` renews the sections of the families that changed."""
    assert name in PAGE
    row = _listed()[name]
    if row.family is None:
        pytest.skip(f"{name} {row.remedy}")
    assert SECTIONS[name] == section(row)


def test_the_page_shows_no_family_that_is_gone() -> None:
    assert set(SECTIONS) <= set(family_modules())
