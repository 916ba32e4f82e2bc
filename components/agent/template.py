"""The one rendering of a conversation: Youtu's layout, as segments, as ids and as the released jinja template.

    <|begin_of_text|>{system}<|begin_of_tool_description|>{intro, one schema a line}<|end_of_tool_description|>
    <|User|>{task}<|Assistant|>{turn}<|end_of_text|><|User|><tool_response>..</tool_response><|Assistant|>{turn}...

(without the line breaks). A segment is either one special token or text that is tokenised on its own, so no merge
crosses a segment and no text becomes a special token. Between two text segments there is always a special one, so a
tokenizer that splits the rendered string at special tokens finds the same ids. `chat_template.jinja` renders the same
string; a golden test keeps the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from components.agent.messages import Message, ToolSpec, escape_special_tokens, split_markers
from components.core.special_tokens import (
    ANALYSIS,
    ASSISTANT,
    ASSISTANT_MARKERS,
    BEGIN_OF_TEXT,
    CALL_CLOSE,
    CALL_OPEN,
    END_OF_TEXT,
    MARKERS,
    PLAN,
    REFLECTION,
    RESPONSE_CLOSE,
    RESPONSE_OPEN,
    TEMPLATE_MARKERS,
    THINK_CLOSE,
    THINK_OPEN,
    TOOLS_CLOSE,
    TOOLS_OPEN,
    USER,
)

if TYPE_CHECKING:
    from components.tokenizer import TextTokenizer

CHAT_TEMPLATE = Path(__file__).with_name("chat_template.jinja")
TOOLS_INTRO = "Tools:"

Kind = Literal[
    "role",
    "system",
    "tools",
    "user",
    "observation",
    "think",
    "analysis",
    "plan",
    "reflection",
    "action",
    "summary",
    "end",
]
# Segments an assistant writes; every other one is given to it.
ASSISTANT_KINDS: tuple[Kind, ...] = ("think", "analysis", "plan", "reflection", "action", "summary", "end")
_PHASES: dict[str, Kind] = {ANALYSIS: "analysis", PLAN: "plan", REFLECTION: "reflection"}


@dataclass(frozen=True)
class Segment:
    """A piece of a rendered conversation. `step` counts assistant turns: an observation has the step of the turn it
    answers, what stands before the first turn has -1. Phase markers have their phase's kind, think tags are `think`."""

    text: str
    special: bool
    kind: Kind
    step: int


def render_segments(
    messages: Sequence[Message], tools: Sequence[ToolSpec] = (), *, add_generation_prompt: bool = False
) -> list[Segment]:
    """The conversation as segments; their texts joined are the rendered string."""
    segments = [Segment(BEGIN_OF_TEXT, True, "role", -1)]
    system = escape_special_tokens("\n\n".join(message.text for message in messages if message.role == "system"))
    segments += _text(system, "system", -1)
    if tools:
        segments.append(Segment(TOOLS_OPEN, True, "tools", -1))
        schemas = "".join("\n" + escape_special_tokens(tool.to_json()) for tool in tools)
        segments += [Segment(TOOLS_INTRO + schemas, False, "tools", -1), Segment(TOOLS_CLOSE, True, "tools", -1)]
    step = -1
    before = ""
    for message in messages:
        if message.role == "user":
            segments += [Segment(USER, True, "role", step), *_text(escape_special_tokens(message.text), "user", step)]
        elif message.role == "tool":
            joint = Segment("\n", False, "observation", step) if before == "tool" else Segment(USER, True, "role", step)
            segments += [
                joint,
                *_framed(RESPONSE_OPEN, escape_special_tokens(message.text), RESPONSE_CLOSE, "observation", step),
            ]
        elif message.role == "assistant":
            step += 1
            segments += [Segment(ASSISTANT, True, "role", step - 1), *_turn(message, step)]
        before = message.role
    if add_generation_prompt:
        segments.append(Segment(ASSISTANT, True, "role", step))
    return segments


def render_text(
    messages: Sequence[Message], tools: Sequence[ToolSpec] = (), *, add_generation_prompt: bool = False
) -> str:
    segments = render_segments(messages, tools, add_generation_prompt=add_generation_prompt)
    return "".join(segment.text for segment in segments)


def encode_segments(tokenizer: TextTokenizer, segments: Sequence[Segment]) -> list[list[int]]:
    """Ids of each segment; special tokens only where a segment is one."""
    encoded = iter(tokenizer.encode_batch([segment.text for segment in segments if not segment.special]))
    return [[tokenizer.special[segment.text]] if segment.special else next(encoded) for segment in segments]


def encode_conversation(
    tokenizer: TextTokenizer,
    messages: Sequence[Message],
    tools: Sequence[ToolSpec] = (),
    add_generation_prompt: bool = False,
) -> list[int]:
    """Ids of a conversation, segment by segment."""
    segments = render_segments(messages, tools, add_generation_prompt=add_generation_prompt)
    return [token for ids in encode_segments(tokenizer, segments) for token in ids]


def to_openai(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as chat endpoints and `apply_chat_template` take them. Calls are numbered in the order they stand."""
    result: list[dict[str, Any]] = []
    waiting: list[str] = []
    for message in messages:
        entry: dict[str, Any] = {"role": message.role, "content": message.text}
        if message.calls:
            first = sum(len(before.get("tool_calls", ())) for before in result)
            waiting = [f"call_{first + index}" for index in range(len(message.calls))]
            entry["tool_calls"] = [
                {"id": name, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for name, call in zip(waiting, message.calls, strict=True)
            ]
        if message.role == "tool" and waiting:  # the answer to a turn that could not be read belongs to no call
            entry["tool_call_id"] = waiting.pop(0)
        result.append(entry)
    return result


def _turn(message: Message, step: int) -> list[Segment]:
    """Segments of an assistant turn. Markers the template owns are broken; the turn's own ones are special."""
    segments: list[Segment] = []
    kind: Kind = "summary"
    for piece in split_markers(escape_special_tokens(message.text, TEMPLATE_MARKERS), ASSISTANT_MARKERS):
        if piece in (THINK_OPEN, THINK_CLOSE):
            segments.append(Segment(piece, True, "think", step))
            kind = "analysis" if piece == THINK_OPEN else "summary"
        elif piece in ASSISTANT_MARKERS:
            kind = _PHASES.get(piece, "action")
            segments.append(Segment(piece, True, kind, step))
            kind = "summary" if piece == CALL_CLOSE else kind
        else:
            segments.append(Segment(piece, False, kind, step))
    for index, call in enumerate(message.calls):
        segments += _text("\n" if index else "", "action", step)
        segments += _framed(CALL_OPEN, escape_special_tokens(call.to_json()), CALL_CLOSE, "action", step)
    return [*segments, Segment(END_OF_TEXT, True, "end", step)]


def _framed(opening: str, text: str, closing: str, kind: Kind, step: int) -> list[Segment]:
    return [Segment(opening, True, kind, step), *_text(text, kind, step), Segment(closing, True, kind, step)]


def _text(text: str, kind: Kind, step: int) -> list[Segment]:
    return [Segment(text, False, kind, step)] if text else []


assert not any(marker in TOOLS_INTRO for marker in MARKERS)
