"""The words of a conversation: messages, tool calls, tool descriptions and the markers that frame them.

Everything else in this package is written in these types; they know no tokenizer, no tool and no policy.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]

BOS = "<|begin_of_text|>"
END = "<|end_of_text|>"
USER = "<|User|>"
ASSISTANT = "<|Assistant|>"
TOOLS_OPEN, TOOLS_CLOSE = "<|begin_of_tool_description|>", "<|end_of_tool_description|>"
THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
CALL_OPEN, CALL_CLOSE = "<tool_call>", "</tool_call>"
RESPONSE_OPEN, RESPONSE_CLOSE = "<tool_response>", "</tool_response>"
ANALYSIS, PLAN, REFLECTION = "<analysis>", "<plan>", "<reflection>"

# Markers an assistant may write inside its own turn. All others belong to the template alone.
ASSISTANT_MARKERS = (THINK_OPEN, THINK_CLOSE, ANALYSIS, PLAN, REFLECTION, CALL_OPEN, CALL_CLOSE)
TEMPLATE_MARKERS = (BOS, END, "<|pad|>", USER, ASSISTANT, TOOLS_OPEN, TOOLS_CLOSE, RESPONSE_OPEN, RESPONSE_CLOSE)
MARKERS = TEMPLATE_MARKERS + ASSISTANT_MARKERS


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


def defuse(text: str, markers: tuple[str, ...] = MARKERS) -> str:
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
