"""Where a teacher is: address and key come from the environment and change nothing that is written.

What it is and may cost is identity: `components.core.params.TeacherSettings`, the section `trajectories.teacher`.
"""

from __future__ import annotations

import os
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from components.core.errors import BadInput

URL_VARIABLE = "TRIVIUM_TEACHER_URL"
KEY_VARIABLE = "TRIVIUM_TEACHER_API_KEY"


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
