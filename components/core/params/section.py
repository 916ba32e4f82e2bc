"""The base of every section of `params.yaml`, and the names several sections use."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Domain = Literal["general", "books", "encyclopedic", "chinese", "stem", "code", "agent"]
TEXT_DOMAINS: tuple[Domain, ...] = ("general", "books", "encyclopedic", "chinese", "stem", "code")
Stream = Literal["cot", "math", "code", "research", "tool"]
# Billions of trajectory tokens in the Youtu-LLM report, by stream.
REPORT_STREAMS: dict[Stream, float] = {"cot": 25, "math": 20, "code": 70, "research": 60, "tool": 25}


def agent_rows(stream: str) -> str:
    """The domain a stream's token rows are filed under."""
    return f"agent_{stream}"


class Section(BaseModel):
    """Refuses unknown fields and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())
