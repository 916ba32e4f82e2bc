"""`trajectories`: how many episodes of which families, and the optional teacher."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from components.core.params.section import Section


class TeacherSettings(Section):
    """Model, roles and limits. `policy` names episodes per task family, as `trajectories.families` does."""

    model: str = Field(min_length=1, description="as the endpoint calls it")
    revision: str = Field(min_length=1, description="of the model: a commit, a date, a hash of the weights")
    licence: str = Field(
        min_length=1, description="under which the teacher's answers may be used, as SPDX if it can be"
    )
    prompt_version: Literal["1"] = "1"
    verbalise: bool = Field(False, description="rewrite the prose of verified records, facts locked")
    policy: dict[str, int] = Field(default_factory=dict, description="episodes the teacher acts, per task family")
    issues: bool = Field(False, description="write issue texts for tasks of the code stream")
    share_cap: float = Field(gt=0, le=1, description="largest share of the records that may hold the teacher's words")
    cost_cap_usd: float = Field(ge=0, description="no request is made that could cost more than what is left of it")
    input_usd_per_million: float = Field(ge=0, description="price of a million prompt tokens")
    output_usd_per_million: float = Field(ge=0, description="price of a million tokens written")
    temperature: float = Field(0.7, ge=0, le=2)
    max_tokens: int = Field(1024, ge=16, description="of one answer")
    seed: int = Field(0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _has_a_role(self) -> Self:
        if not (self.verbalise or self.policy or self.issues):
            raise ValueError(
                "verbalise, policy and issues are all off; give the teacher a role or leave the section out"
            )
        return self

    @property
    def name(self) -> str:
        """As records name the teacher."""
        return f"{self.model}@{self.revision}"

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        spent = prompt_tokens * self.input_usd_per_million + completion_tokens * self.output_usd_per_million
        return round(spent / 1e6, 9)


class TrajectoriesParams(Section):
    families: dict[str, int] = Field(min_length=1, description="episodes per training task family")
    wrong_branch_share: float = Field(ge=0, le=1, description="share of episodes that take a wrong step and recover")
    alternate_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of episodes told again, another right way from some turn on",
    )
    observation_weight: float = Field(ge=0, le=1)
    action_weight: float = Field(gt=0, le=2, description="loss weight of tool calls")
    teacher: TeacherSettings | None = Field(None, description="a language model that rewords, acts or writes issues")
