"""The checks find what is injected, and a fault that no check sees is counted as such."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from components.agent.environment import TaskFamily
from components.core.errors import BadInput
from components.trajectories.audit import audit as auditing
from components.trajectories.audit.fault_injection import SoundRecords, record_of, tree_of
from components.trajectories.check import Rules, find_faults
from components.trajectories.episodes import Synthesizer

RULES = Rules(held_out_families=("arithmetic_three_terms",), windows={})
PER_CLASS = 8
# No code, whose episodes take long, and no benchmark to compare with: these need both.
NOT_HERE = {"tests edited to pass", "mutant equals original", "benchmark text"}


@pytest.fixture(scope="module")
def sound(families: Mapping[str, TaskFamily]) -> SoundRecords:
    synthesizer = Synthesizer(dict(families), "public-domain")
    wanted = {
        name: 8 for name, family in families.items() if family.domain != "code" and name not in RULES.held_out_families
    }
    return auditing.make_sound_records(synthesizer, wanted, first_seed=1, progress=lambda text: None)


def test_the_mutation_score_counts_what_the_checks_catch(sound: SoundRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = {name: inject for name, inject in auditing.FAULTS.items() if name not in NOT_HERE}
    monkeypatch.setattr(auditing, "FAULTS", faults)
    report = auditing.audit(sound, RULES, PER_CLASS, lambda text: None)
    assert {score.injected for score in report.scores} == {PER_CLASS}
    assert report.caught_share >= 0.95
    assert min(score.caught for score in report.scores) >= PER_CLASS // 2
    assert report.false_alarms <= 0.02 * report.clean
    assert f"{report.caught_share:.1%}" in auditing.render_table(report)


def test_a_fault_nobody_sees_counts_against_the_checks(sound: SoundRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    def harmless(tree: dict[str, object], rng: random.Random, sound: SoundRecords) -> bool:
        return True

    monkeypatch.setattr(auditing, "FAULTS", {"nothing": harmless})
    (score, *_) = auditing.audit(sound, RULES, PER_CLASS, lambda text: None).scores
    assert (score.injected, score.caught) == (PER_CLASS, 0)


def test_too_few_places_are_an_error(sound: SoundRecords) -> None:
    with pytest.raises(BadInput, match="make more episodes"):
        auditing.audit(sound, RULES, 10**6, lambda text: None)


def test_a_record_that_went_through_a_tree_is_itself(sound: SoundRecords) -> None:
    assert [record_of(tree_of(record)) for record in sound.records[:50]] == list(sound.records[:50])
    assert not any(find_faults(record, ()) for record in sound.records[:50])
