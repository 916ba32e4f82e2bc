"""The learning-rate factor: its ends, its bounds, its direction, and no jump anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.params import LearningRateSchedule, load
from components.training.schedule import lr_multiplier

FACTORS = st.floats(0, 1)
TOTALS = st.integers(2, 10**13)


@st.composite
def schedules(draw: st.DrawFn) -> LearningRateSchedule:
    phase = draw(st.sampled_from(["warmup", "stable", "decay"]))
    start, end = draw(FACTORS), draw(FACTORS)
    if phase == "warmup":
        return LearningRateSchedule(phase="warmup", start=start, end=end, warmup_share=draw(st.floats(0.01, 0.99)))
    if phase == "stable":
        return LearningRateSchedule(phase="stable", start=start, end=start)
    return LearningRateSchedule(phase="decay", start=max(start, end), end=min(start, end))


@given(schedules(), TOTALS)
def test_it_begins_at_start_and_ends_at_end(schedule: LearningRateSchedule, total: int) -> None:
    assert lr_multiplier(schedule, 0, total) == schedule.start
    assert lr_multiplier(schedule, total, total) == schedule.end


@given(schedules(), TOTALS, st.data())
def test_it_stays_between_its_corners(schedule: LearningRateSchedule, total: int, data: st.DataObject) -> None:
    corners = [schedule.start, schedule.end] + ([1.0] if schedule.phase == "warmup" else [])
    factor = lr_multiplier(schedule, data.draw(st.integers(0, total)), total)
    assert min(corners) - 1e-12 <= factor <= max(corners) + 1e-12


@given(schedules(), TOTALS, st.data())
def test_one_token_never_makes_it_jump(schedule: LearningRateSchedule, total: int, data: st.DataObject) -> None:
    seen = data.draw(st.integers(0, total - 1))
    step = abs(lr_multiplier(schedule, seen + 1, total) - lr_multiplier(schedule, seen, total))
    steepest = max(1 / schedule.warmup_share, 1 / (1 - schedule.warmup_share)) if schedule.phase == "warmup" else 1
    assert step <= steepest / total + 1e-12


@given(TOTALS, st.data())
def test_warm_up_rises_and_decay_falls(total: int, data: st.DataObject) -> None:
    early, late = sorted(data.draw(st.tuples(st.integers(0, total), st.integers(0, total))))
    up = LearningRateSchedule(phase="warmup", start=0, end=1, warmup_share=0.3)
    down = LearningRateSchedule(phase="decay", start=1, end=0.05)
    assert lr_multiplier(up, early, total) <= lr_multiplier(up, late, total)
    assert lr_multiplier(down, early, total) >= lr_multiplier(down, late, total)


def test_the_first_step_of_a_warm_up_moves_the_weights() -> None:
    schedule = LearningRateSchedule(phase="warmup", start=0, end=1, warmup_share=0.1)
    assert lr_multiplier(schedule, 100, 10_000) == pytest.approx(0.1)


def test_the_active_curriculum_is_one_unbroken_curve() -> None:
    params = load()
    for stage in params.curriculum.values():
        if stage.init_from in params.curriculum:
            before = params.curriculum[stage.init_from].schedule
            assert lr_multiplier(before, 10, 10) == lr_multiplier(stage.schedule, 0, 10)
