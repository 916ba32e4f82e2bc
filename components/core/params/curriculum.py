"""`curriculum`: one entry per pre-training stage."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.core.params.section import REPORT_STREAMS, Domain, Section, Stream, agent_rows


class LearningRateSchedule(Section):
    """This stage's part of the warm-up, stable, decay schedule; factors multiply the base learning rates."""

    phase: Literal["warmup", "stable", "decay"]
    start: float = Field(ge=0, le=1, description="factor before the stage's first step")
    end: float = Field(ge=0, le=1, description="factor at the stage's last step")
    warmup_share: float = Field(0.0, ge=0, lt=1, description="share of the stage spent rising from start to 1")

    @model_validator(mode="after")
    def _fields_fit_the_phase(self) -> Self:
        if self.phase == "warmup" and self.warmup_share == 0:
            raise ValueError("phase warmup needs a `warmup_share` above 0; set one or choose stable or decay")
        if self.phase != "warmup" and self.warmup_share != 0:
            raise ValueError(f"phase {self.phase} has no warm-up; remove `warmup_share` or set phase to warmup")
        if self.phase == "stable" and self.start != self.end:
            raise ValueError(f"a stable phase keeps its factor; set `end` to {self.start} or phase to decay")
        if self.phase == "decay" and self.end > self.start:
            raise ValueError(f"a decay cannot end above its start; set `end` to at most {self.start}")
        return self


class RopeScaling(Section):
    """YaRN with the constants llama.cpp reads; field names as in transformers."""

    factor: float = Field(gt=1, description="how many times longer the context becomes")
    original_max_position_embeddings: int = Field(
        ge=16, description="tokens of context the model was trained on before"
    )

    def goes_on_from(self, factor: float, original_max_position_embeddings: int) -> bool:
        """Whether a model so stretched may go on with this: the same context, stretched no less."""
        return self.factor >= factor and self.original_max_position_embeddings == original_max_position_embeddings


class CurriculumStage(Section):
    init_from: str = Field(description="`init` or the name of an earlier entry")
    token_budget: int = Field(ge=1)
    sequence_tokens: int = Field(ge=16)
    batch_rows: int = Field(ge=1, description="rows per optimizer step, over all devices")
    mixture: dict[Domain, float] = Field(min_length=1, description="share of rows by domain")
    schedule: LearningRateSchedule
    rope_theta: float = Field(gt=1)
    rope_scaling: RopeScaling | None = Field(None, description="YaRN, beside or instead of a larger rope_theta")
    float8: bool = Field(
        False, description="wide products in 8-bit floats; emulated, and slower, on a CPU; needs the extra float8"
    )
    loss_weights: Literal["uniform", "spans"] = "uniform"
    agent_tokens: Literal["data/trajectory_tokens", "data/tokens/manifest.json"] = Field(
        "data/tokens/manifest.json", description="where `agent` rows come from; without them the corpus manifest"
    )
    agent_streams: dict[Stream, Annotated[float, Field(ge=0)]] = Field(
        default_factory=lambda: dict(REPORT_STREAMS),
        description="parts of the `agent` rows by stream, the report's by default; 0 leaves one out",
    )

    seed: int | None = Field(
        None, ge=0, lt=2**32, description="of the order of this stage's rows alone; without it `seed` decides"
    )

    @model_validator(mode="after")
    def _rows_fit_the_stretch(self) -> Self:
        scaling = self.rope_scaling
        if scaling and self.sequence_tokens > scaling.factor * scaling.original_max_position_embeddings:
            raise ValueError(
                f"sequence_tokens is {self.sequence_tokens}, beyond rope_scaling.factor = {scaling.factor:g} times "
                f"{scaling.original_max_position_embeddings}; raise the factor"
            )
        return self

    @model_validator(mode="after")
    def _agent_rows_have_a_source(self) -> Self:
        if ("agent" in self.mixture) != (self.agent_tokens == "data/trajectory_tokens"):
            raise ValueError("`agent_tokens` must be data/trajectory_tokens exactly when `mixture` names `agent`")
        if abs(sum(self.mixture.values()) - 1) > 1e-6:
            raise ValueError(f"mixture shares sum to {sum(self.mixture.values()):.4f}; make them sum to 1")
        if not any(self.agent_streams.values()):
            raise ValueError("`agent_streams` leaves every stream out; give one a part above 0")
        return self

    @property
    def row_mixture(self) -> dict[str, float]:
        """Share of rows by the domain token shards are filed under: `agent` split among its streams."""
        shares: dict[str, float] = {domain: share for domain, share in self.mixture.items() if domain != "agent"}
        parts = sum(self.agent_streams.values())
        for stream, part in self.agent_streams.items():
            if "agent" in self.mixture and part > 0:
                shares[agent_rows(stream)] = self.mixture["agent"] * part / parts
        return dict(sorted(shares.items()))
