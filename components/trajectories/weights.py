"""Which part of a rendered trajectory is learned, and how much: one loss weight per segment.

system, user, tools, role markers      0
analysis, plan, reflection, summary    1     with their markers, the think tags and the turn's end
action                                 action_weight
observation text                       observation_weight (its frame 0)
any segment of a wrong turn            0     it stays in context; its recovery is trained
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.agent.template import ASSISTANT_KINDS, Segment, render_segments
from components.trajectories.record import Record, to_messages


@dataclass(frozen=True, kw_only=True)
class WeightedSegment:
    segment: Segment
    weight: float


def weigh(record: Record, *, observation_weight: float, action_weight: float) -> list[WeightedSegment]:
    """The rendered record with a weight per segment; texts joined are the rendering."""
    losses = [min(step.loss for step in turn) for turn in record.turns()]
    segments = render_segments(to_messages(record), record.specs())
    return [
        WeightedSegment(segment=segment, weight=_weight(segment, losses, observation_weight, action_weight))
        for segment in segments
    ]


def _weight(segment: Segment, losses: Sequence[float], observation_weight: float, action_weight: float) -> float:
    if segment.kind == "observation" and not segment.special:
        return observation_weight
    if segment.kind not in ASSISTANT_KINDS:
        return 0.0
    return losses[segment.step] * (action_weight if segment.kind == "action" else 1.0)
