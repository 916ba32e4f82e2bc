"""The learning-rate factor: its ends, its bounds, its direction, and no jump anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.params import Schedule, load
from components.training.schedule import learning_rate_factor

FACTORS = st.floats(0, 1)
TOTALS = st.integers(2, 10**13)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    phase = draw(st.sampled_from(["warmup", "stable", "decay"]))
    start, end = draw(FACTORS), draw(FACTORS)
    if phase == "warmup":
        return Schedule(phase="warmup", start=start, end=end, warmup_share=draw(st.floats(0.01, 0.99)))
    if phase == "stable":
        return Schedule(phase="stable", start=start, end=start)
    return Schedule(phase="decay", start=max(start, end), end=min(start, end))


@given(schedules(), TOTALS)
def test_it_begins_at_start_and_ends_at_end(schedule: Schedule, total: int) -> None:
    assert learning_rate_factor(schedule, 0, total) == schedule.start
    assert learning_rate_factor(schedule, total, total) == schedule.end


@given(schedules(), TOTALS, st.data())
def test_it_stays_between_its_corners(schedule: Schedule, total: int, data: st.DataObject) -> None:
    corners = [schedule.start, schedule.end] + ([1.0] if schedule.phase == "warmup" else [])
    factor = learning_rate_factor(schedule, data.draw(st.integers(0, total)), total)
    assert min(corners) - 1e-12 <= factor <= max(corners) + 1e-12


@given(schedules(), TOTALS, st.data())
def test_one_token_never_makes_it_jump(schedule: Schedule, total: int, data: st.DataObject) -> None:
    seen = data.draw(st.integers(0, total - 1))
    step = abs(learning_rate_factor(schedule, seen + 1, total) - learning_rate_factor(schedule, seen, total))
    steepest = max(1 / schedule.warmup_share, 1 / (1 - schedule.warmup_share)) if schedule.phase == "warmup" else 1
    assert step <= steepest / total + 1e-12


@given(TOTALS, st.data())
def test_warm_up_rises_and_decay_falls(total: int, data: st.DataObject) -> None:
    early, late = sorted(data.draw(st.tuples(st.integers(0, total), st.integers(0, total))))
    up = Schedule(phase="warmup", start=0, end=1, warmup_share=0.3)
    down = Schedule(phase="decay", start=1, end=0.05)
    assert learning_rate_factor(up, early, total) <= learning_rate_factor(up, late, total)
    assert learning_rate_factor(down, early, total) >= learning_rate_factor(down, late, total)


def test_the_first_step_of_a_warm_up_moves_the_weights() -> None:
    schedule = Schedule(phase="warmup", start=0, end=1, warmup_share=0.1)
    assert learning_rate_factor(schedule, 100, 10_000) == pytest.approx(0.1)


def test_the_active_curriculum_is_one_unbroken_curve() -> None:
    params = load()
    for stage in params.curriculum.values():
        if stage.init_from in params.curriculum:
            before = params.curriculum[stage.init_from].schedule
            assert learning_rate_factor(before, 10, 10) == learning_rate_factor(stage.schedule, 0, 10)
