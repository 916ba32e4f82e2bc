"""Every listed way out is closed here, and the attempts are real: without namespaces they get out."""

from __future__ import annotations

import pytest

from components.sandbox import probe
from components.sandbox.containment_probes import ATTEMPTS, try_all

contained = pytest.mark.skipif(not probe().holds_untrusted_code, reason="the kernel grants no namespaces")


@contained
def test_every_attempt_is_contained() -> None:
    assert [attempt.name for attempt, held in try_all() if not held] == []


def test_attempts_get_out_where_nothing_holds_them() -> None:
    names = {"read a file of the owner", "read it through a symbolic link", "signal the owner"}
    attempts = [attempt for attempt in ATTEMPTS if attempt.name in names]
    assert {attempt.name for attempt, held in try_all(attempts, namespaces=False) if not held} == names


def test_the_list_covers_every_aim() -> None:
    assert {attempt.aim for attempt in ATTEMPTS} == {
        "network", "files", "secrets", "processes", "memory", "disk", "time", "privilege",
    }  # fmt: skip
    assert len({attempt.name for attempt in ATTEMPTS}) == len(ATTEMPTS) >= 30
