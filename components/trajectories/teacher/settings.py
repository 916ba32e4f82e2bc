"""What a person says of a teacher: what it is and may cost (identity), and where it is (execution).

`TeacherSettings` is a section of params.yaml, absent by default: each field changes what is written. Address and key
come from the environment and change nothing.
"""

from __future__ import annotations

import os
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.params import BadInput

URL_VARIABLE = "TRIVIUM_TEACHER_URL"
KEY_VARIABLE = "TRIVIUM_TEACHER_API_KEY"
PromptVersion = Literal["1"]


class TeacherSettings(BaseModel):
    """Model, roles and limits. `policy` names episodes per task family, as `trajectories.families` does."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model: str = Field(min_length=1, description="as the endpoint calls it")
    revision: str = Field(min_length=1, description="of the model: a commit, a date, a hash of the weights")
    licence: str = Field(
        min_length=1, description="under which the teacher's answers may be used, as SPDX if it can be"
    )
    prompt_version: PromptVersion = "1"
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


class TeacherEndpoint(BaseModel):
    """Where requests go: `url` ends before `/chat/completions`, usually in `/v1`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    api_key: str | None = Field(None, repr=False)
    attempts: int = Field(default=5, ge=1)
    first_wait_s: float = Field(default=1.0, ge=0)
    timeout_s: float = Field(default=120.0, gt=0)

    @classmethod
    def from_environment(cls) -> Self:
        """Raises BadInput where the address is missing or no HTTP address."""
        url = os.environ.get(URL_VARIABLE, "")
        if not url.startswith(("http://", "https://")):
            shown = f" = {url!r}" if url else ""
            raise BadInput(
                f"{URL_VARIABLE}{shown}: the teacher needs an address like https://host/v1; set it, or leave "
                "trajectories.teacher out of params.yaml"
            )
        return cls(url=url.rstrip("/"), api_key=os.environ.get(KEY_VARIABLE) or None)
