"""Special tokens: the markers of the chat and tool layout, each one id at the end of the vocabulary.

They are added tokens: byte-pair merges never build one and text never contains one, only rendering code writes them.
"""

from __future__ import annotations

BEGIN_OF_TEXT = "<|begin_of_text|>"
END_OF_TEXT = "<|end_of_text|>"
PAD = "<|pad|>"  # its own token: padding that shared an id with END_OF_TEXT would teach the model to ignore the end

SPECIAL_TOKENS: tuple[str, ...] = (
    BEGIN_OF_TEXT,
    END_OF_TEXT,
    PAD,
    "<|User|>",
    "<|Assistant|>",
    "<|begin_of_tool_description|>",
    "<|end_of_tool_description|>",
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<analysis>",
    "<plan>",
    "<reflection>",
)
