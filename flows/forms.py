"""The forms a person fills in: lists to choose from and scalars, one level deep, no unions.

Prefect's form breaks on unions and optional lists, so "as in the preset" is a value of its own in each number's field.
"""

from __future__ import annotations

from typing import Annotated, Any

from prefect.input import RunInput
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from components.core.validation import suggest
from flows.compose import preset_names, read_overrides, stage_names
from flows.execution.profile import profile_names
from flows.variants import study_names

RELEASE = "release"  # the last stage: stopping after it means the whole graph


def _choice(what: str, names: list[str]) -> Any:
    """A string that must be one of `names`; the form renders it as a list to choose from."""

    def known(value: str) -> str:
        if value not in names:
            raise ValueError(f"{what} = {value!r}: unknown; {suggest(value, names)}")
        return value

    return Annotated[str, AfterValidator(known), WithJsonSchema({"type": "string", "enum": names})]


Preset = _choice("preset", preset_names())
Until = _choice("until", stage_names())
ProfileName = _choice("profile", profile_names())
StudyName = _choice("study", study_names())


class Overrides(BaseModel):
    """Common parameters to change. What is left alone stays as the preset has it."""

    model_config = ConfigDict(extra="forbid")

    seed: int = Field(default=-1, ge=-1, lt=2**32, description="Seed of everything random. -1: as in the preset")
    agentic_token_budget: int = Field(
        default=0, ge=0, description="Tokens the agentic stage trains on. 0: as in the preset", title="Agentic tokens"
    )
    muon_lr: float = Field(
        default=0.0, ge=0, lt=1, description="Peak learning rate of Muon. 0: as in the preset", title="Learning rate"
    )
    evaluation_episodes: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Held-out agent tasks per family. 0: as in the preset",
        title="Evaluation episodes",
    )
    extra_overrides: str = Field(
        default="",
        description="Any other parameter, one name=value a line (or separated by ;), "
        "e.g. curriculum.stem.token_budget=200000",
        title="Other parameters",
    )

    def as_parameters(self) -> dict[str, Any]:
        """What the form changes, by dotted name. The free text wins over a field. Raises BadInput."""
        chosen: dict[str, Any] = {}
        if self.seed >= 0:
            chosen["seed"] = self.seed
        if self.agentic_token_budget:
            chosen["curriculum.agentic.token_budget"] = self.agentic_token_budget
        if self.muon_lr:
            chosen["optimizer.muon_lr"] = self.muon_lr
        if self.evaluation_episodes:
            chosen["evaluation.episodes"] = self.evaluation_episodes
        return chosen | read_overrides(self.extra_overrides.replace(";", "\n").splitlines())


class Approval(RunInput):
    """Asked before a release."""

    release: bool = Field(
        default=True, description="Release the candidate? Without it the run ends here, its results kept"
    )
    note: str = Field(default="", description="Why; kept with the run")
