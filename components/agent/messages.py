"""The parts of a conversation: messages, tool calls and tool descriptions.

Everything else in this package is written in these types; they know no tokenizer, no tool and no policy.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from components.core.special_tokens import MARKERS

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """One call of a tool by name."""

    name: str
    arguments: dict[str, Any]

    def to_json(self) -> str:
        """The canonical text inside `<tool_call>`: name first, no spaces, keys in the order given."""
        return compact_json({"name": self.name, "arguments": self.arguments})


@dataclass(frozen=True, kw_only=True)
class ToolSpec:
    """What a model is told of a tool; `parameters` is a JSON schema of type object. An empty description, for a tool
    whose name says it all, is not shown: every token of it would be paid in every row."""

    name: str
    description: str
    parameters: dict[str, Any]

    def to_json(self) -> str:
        return compact_json(self._function())

    def to_openai(self) -> dict[str, Any]:
        return {"type": "function", "function": self._function()}

    def _function(self) -> dict[str, Any]:
        description = {"description": self.description} if self.description else {}
        return {"name": self.name, **description, "parameters": self.parameters}


@dataclass(frozen=True)
class Message:
    """One message. An assistant's `text` holds its think block and visible text; its calls stand in `calls`.

    A turn that could not be parsed keeps its raw text, calls and all, in `text`.
    """

    role: Role
    text: str
    calls: tuple[ToolCall, ...] = ()


def compact_json(value: object) -> str:
    """JSON without spaces, text as it is, keys in the order given (the template's macro writes the same)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def escape_special_tokens(text: str, markers: tuple[str, ...] = MARKERS) -> str:
    """Break every marker spelled out in text we did not write: `<plan>` becomes `< plan>`.

    Tokenising by segment already keeps text from becoming a special token here; servers that tokenise the rendered
    string are protected by this. No marker holds a space or a second `<`, so none can arise from breaking another.
    """
    return _pattern(markers).sub(lambda match: match[0][0] + " " + match[0][1:], text)


def split_markers(text: str, markers: tuple[str, ...]) -> list[str]:
    """Text cut at the given markers; the markers stay as pieces of their own, empty pieces are left out."""
    return [piece for piece in re.split(f"({_pattern(markers).pattern})", text) if piece]


def _pattern(markers: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, markers)))
