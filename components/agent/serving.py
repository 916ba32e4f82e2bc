"""What a server of a release must know of the protocol."""

from __future__ import annotations

import copy
from typing import Any

from components.core.special_tokens import ANALYSIS, PLAN, REFLECTION

PHASE_MARKERS = (ANALYSIS, PLAN, REFLECTION)


def serving_tokenizer(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """A `tokenizer.json` for servers: the same ids, phase markers no longer `special`.

    Servers leave special tokens out of the text they return. The marks of turn and call are taken apart before that,
    but phases are part of what the model said: a client that sends them back without their markers would show the
    model a history it never wrote. In GGUF they become user-defined tokens. Untrusted text still cannot spell them,
    because the chat template breaks every marker in it.
    """
    served = copy.deepcopy(tokenizer)
    for token in served["added_tokens"]:
        if token["content"] in PHASE_MARKERS:
            token["special"] = False
    return served
