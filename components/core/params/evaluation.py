"""`evaluation`, `gate` and `release`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from components.core.params.section import Section


class EvaluationParams(Section):
    held_out_bytes: int = Field(ge=1_000, description="text per domain scored for bits per byte")
    episodes: int = Field(ge=1, description="held-out agent tasks per family")
    max_turns: int = Field(ge=1)
    max_turn_tokens: int = Field(ge=8)
    max_parse_errors: int = Field(ge=1, description="unreadable turns that end an episode")
    held_out_families: tuple[str, ...] = Field(min_length=1, description="families training never sees")
    tasks: tuple[str, ...] = Field(min_length=1, description="lm-eval task names under components/evaluation/tasks")
    task_limit: int = Field(ge=1, description="items per lm-eval task")
    phase_items: int = Field(16, ge=1, description="questions about held-out episodes per stream and phase")


class GateParams(Section):
    candidate: str
    baseline: str
    target_family: str = Field(description="family whose success must rise from baseline to candidate")
    minimum_effect: float = Field(gt=0, lt=1, description="smallest rise of a success rate worth releasing for")
    non_inferiority_bits: float = Field(ge=0, description="bits per byte the candidate may lose on held-out text")
    minimum_parse_rate: float = Field(ge=0, lt=1, description="share of the candidate's tool calls that can be read")
    confidence: float = Field(gt=0.5, lt=1)
    bootstrap_samples: int = Field(ge=100)


class ReleaseParams(Section):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    gguf_dtypes: tuple[Literal["f32", "f16", "bf16", "q8_0"], ...] = Field(min_length=1)
