"""The checks find what is planted, and a plant that no check sees is counted as such."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from components.agent.environment import TaskFamily
from components.core.errors import BadInput
from components.trajectories.audit import audit as auditing
from components.trajectories.audit.planting import Garden, record_of, tree_of
from components.trajectories.check import Rules, find_faults
from components.trajectories.episodes import Synthesizer

RULES = Rules(held_out_families=("arithmetic_three_terms",), windows={})
PER_CLASS = 8
# No code, whose episodes take long, and no benchmark to compare with: these need both.
NOT_HERE = {"tests edited to pass", "mutant equals original", "benchmark text"}


@pytest.fixture(scope="module")
def garden(families: Mapping[str, TaskFamily]) -> Garden:
    synthesizer = Synthesizer(dict(families), "public-domain")
    wanted = {
        name: 8 for name, family in families.items() if family.domain != "code" and name not in RULES.held_out_families
    }
    return auditing.grow(synthesizer, wanted, first_seed=1, report=lambda said: None)


def test_the_mutation_score_is_what_it_is_said_to_be(garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
    plants = {name: plant for name, plant in auditing.PLANTS.items() if name not in NOT_HERE}
    monkeypatch.setattr(auditing, "PLANTS", plants)
    report = auditing.audit(garden, RULES, PER_CLASS, lambda said: None)
    assert {score.planted for score in report.scores} == {PER_CLASS}
    assert report.caught_share >= 0.95
    assert min(score.caught for score in report.scores) >= PER_CLASS // 2
    assert report.false_alarms <= 0.02 * report.clean
    assert f"{report.caught_share:.1%}" in auditing.show(report)


def test_a_plant_nobody_sees_counts_against_the_checks(garden: Garden, monkeypatch: pytest.MonkeyPatch) -> None:
    def harmless(tree: dict[str, object], rng: random.Random, garden: Garden) -> bool:
        return True

    monkeypatch.setattr(auditing, "PLANTS", {"nothing": harmless})
    (score, *_) = auditing.audit(garden, RULES, PER_CLASS, lambda said: None).scores
    assert (score.planted, score.caught) == (PER_CLASS, 0)


def test_too_few_places_are_an_error(garden: Garden) -> None:
    with pytest.raises(BadInput, match="grow more episodes"):
        auditing.audit(garden, RULES, 10**6, lambda said: None)


def test_a_record_that_went_through_a_tree_is_itself(garden: Garden) -> None:
    assert [record_of(tree_of(record)) for record in garden.records[:50]] == list(garden.records[:50])
    assert not any(find_faults(record, ()) for record in garden.records[:50])
