"""The learning-rate multiplier of one curriculum stage, as a pure function of the tokens it has seen.

Warm-up, stable and decay (WSD) run across the stages: each entry of the curriculum holds one phase, and starts where
its predecessor ended. A step is taken at the multiplier of the tokens seen *with* it, so that the first warm-up step
moves the weights and the last step of a stage is taken at exactly `end`.
"""

from __future__ import annotations

from components.core.params import LearningRateSchedule


def lr_multiplier(schedule: LearningRateSchedule, tokens_seen: int, tokens_total: int) -> float:
    """Multiplier of the base learning rates after `tokens_seen` of the stage's `tokens_total` tokens.

    warmup: linear from `start` to 1 over `warmup_share` of the stage, then linear from 1 to `end`.
    stable: constant. decay: linear from `start` to `end`.
    """
    assert 0 <= tokens_seen <= tokens_total and tokens_total > 0
    share = tokens_seen / tokens_total
    if schedule.phase != "warmup":
        return _between(schedule.start, schedule.end, share)
    if share < schedule.warmup_share:
        return _between(schedule.start, 1.0, share / schedule.warmup_share)
    return _between(1.0, schedule.end, (share - schedule.warmup_share) / (1.0 - schedule.warmup_share))


def _between(first: float, last: float, share: float) -> float:
    return first + (last - first) * share if share < 1 else last
