"""The protocol in one place: import messages, turns and the template from here."""

from components.agent.messages import MARKERS, Message, Role, ToolCall, ToolSpec, compact_json, defuse
from components.agent.template import (
    ASSISTANT_KINDS,
    CHAT_TEMPLATE,
    Kind,
    Segment,
    encode_conversation,
    encode_segments,
    render_segments,
    render_text,
    to_openai,
)
from components.agent.turns import AssistantTurn, compose_turn, decode_turn, parse_turn, turn_message, turn_text

__all__ = [
    "ASSISTANT_KINDS",
    "CHAT_TEMPLATE",
    "MARKERS",
    "AssistantTurn",
    "Kind",
    "Message",
    "Role",
    "Segment",
    "ToolCall",
    "ToolSpec",
    "compact_json",
    "compose_turn",
    "decode_turn",
    "defuse",
    "encode_conversation",
    "encode_segments",
    "parse_turn",
    "render_segments",
    "render_text",
    "to_openai",
    "turn_message",
    "turn_text",
]
