"""The special tokens: markers of the chat and tool layout, each one id at the end of the vocabulary.

They are added tokens: byte-pair merges never build one and text never contains one, only rendering code writes them.
The names and their order are Youtu's.
"""

from __future__ import annotations

BEGIN_OF_TEXT = "<|begin_of_text|>"
END_OF_TEXT = "<|end_of_text|>"
PAD = "<|pad|>"  # its own token: padding that shared an id with END_OF_TEXT would teach the model to ignore the end
USER = "<|User|>"
ASSISTANT = "<|Assistant|>"
TOOLS_OPEN, TOOLS_CLOSE = "<|begin_of_tool_description|>", "<|end_of_tool_description|>"
THINK_OPEN, THINK_CLOSE = "<think>", "</think>"
CALL_OPEN, CALL_CLOSE = "<tool_call>", "</tool_call>"
RESPONSE_OPEN, RESPONSE_CLOSE = "<tool_response>", "</tool_response>"
ANALYSIS, PLAN, REFLECTION = "<analysis>", "<plan>", "<reflection>"

SPECIAL_TOKENS: tuple[str, ...] = (
    BEGIN_OF_TEXT,
    END_OF_TEXT,
    PAD,
    USER,
    ASSISTANT,
    TOOLS_OPEN,
    TOOLS_CLOSE,
    THINK_OPEN,
    THINK_CLOSE,
    CALL_OPEN,
    CALL_CLOSE,
    RESPONSE_OPEN,
    RESPONSE_CLOSE,
    ANALYSIS,
    PLAN,
    REFLECTION,
)
# Markers an assistant may write inside its own turn. All others belong to the template alone.
ASSISTANT_MARKERS = (THINK_OPEN, THINK_CLOSE, ANALYSIS, PLAN, REFLECTION, CALL_OPEN, CALL_CLOSE)
TEMPLATE_MARKERS = (
    BEGIN_OF_TEXT,
    END_OF_TEXT,
    PAD,
    USER,
    ASSISTANT,
    TOOLS_OPEN,
    TOOLS_CLOSE,
    RESPONSE_OPEN,
    RESPONSE_CLOSE,
)
MARKERS = TEMPLATE_MARKERS + ASSISTANT_MARKERS
