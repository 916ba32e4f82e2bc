"""Are the loss weights of an encoded trajectory right? Read from the ids alone, not from how they were made.

The ids are cut at the template's special tokens into turns; which turn must not be trained is read from the record.
`weights.py` gives each segment its weight from above, this checks every token from below.
"""

from __future__ import annotations

import numpy as np

from components.agent.template import render_text
from components.core.special_tokens import (
    ASSISTANT,
    CALL_CLOSE,
    CALL_OPEN,
    END_OF_TEXT,
    RESPONSE_CLOSE,
    RESPONSE_OPEN,
    USER,
)
from components.tokenizer import TextTokenizer
from components.trajectories.record import Record, to_messages


def find_mask_fault(
    record: Record,
    ids: np.ndarray,
    weights: np.ndarray,
    tokenizer: TextTokenizer,
    *,
    observation_weight: float,
    action_weight: float,
) -> str | None:
    """What is wrong with the ids (N,) and weights (N,) of a record, in one line, or None."""
    if len(ids) != len(weights):
        return f"{len(ids)} ids, {len(weights)} weights"
    if tokenizer.decode(ids.tolist()) != render_text(to_messages(record), record.specs()):
        return "the ids do not decode to the rendering"
    turns = record.turns()
    number = {name: tokenizer.special[name] for name in (ASSISTANT, USER, END_OF_TEXT, RESPONSE_OPEN, CALL_OPEN)}
    wanted_counts = {
        ASSISTANT: len(turns),
        END_OF_TEXT: len(turns),
        RESPONSE_OPEN: sum(len(step.obs) for step in record.steps),
        CALL_OPEN: sum(len(step.calls) for step in record.steps),
    }
    for name, wanted in wanted_counts.items():
        found = int((ids == number[name]).sum())
        if found != wanted:
            return f"{found} tokens {name}, {wanted} are due"
    due = _due(record, ids, tokenizer, observation_weight, action_weight)
    wrong = np.flatnonzero(due != weights.astype(np.float32))
    if len(wrong):
        at = int(wrong[0])
        return (
            f"token {at} ({tokenizer.decode([int(ids[at])])!r}) has weight {float(weights[at]):g}, {due[at]:g} is due"
        )
    return None if (weights > 0).any() else "nothing is trained"


def _due(
    record: Record, ids: np.ndarray, tokenizer: TextTokenizer, observation_weight: float, action_weight: float
) -> np.ndarray:
    """The weight (N,) each token must have, walking over the special tokens."""
    name_of = {number: name for name, number in tokenizer.special.items()}
    trained = [all(step.loss > 0 for step in turn) for turn in record.turns()]
    due = np.zeros(len(ids), dtype=np.float32)
    turn, speaking, calling, observing = -1, False, False, False
    for place, token in enumerate(ids.tolist()):
        name = name_of.get(token, "")
        if name == ASSISTANT:
            turn, speaking = turn + 1, True
            continue
        if name == CALL_OPEN:
            calling = True
        if name == RESPONSE_CLOSE:
            observing = False
        if speaking and trained[turn]:
            due[place] = action_weight if calling else 1.0
        elif observing:
            due[place] = observation_weight
        if name == CALL_CLOSE:
            calling = False
        if name == END_OF_TEXT:
            speaking = False
        if name == RESPONSE_OPEN:
            observing = True
    return due.astype(np.float16).astype(np.float32)
