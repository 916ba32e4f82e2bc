"""Faults of the loss mask: sound ids with weights that teach the wrong thing, or ids that forge a marker."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from components.core.special_tokens import ASSISTANT, CALL_CLOSE, CALL_OPEN, END_OF_TEXT, RESPONSE_OPEN
from components.tokenizer import TextTokenizer
from components.trajectories.record import Record
from components.trajectories.tokenize import Encoded

# The ids and weights with the fault, or None where the record has no place for it.
MaskInjection = Callable[[Record, Encoded, TextTokenizer, random.Random], tuple[np.ndarray, np.ndarray] | None]


def shifted(
    record: Record, item: Encoded, tokenizer: TextTokenizer, rng: random.Random
) -> tuple[np.ndarray, np.ndarray] | None:
    """All weights one token late or early."""
    return item.ids, np.roll(item.weights, rng.choice((-1, 1)))


def untaught_end(
    record: Record, item: Encoded, tokenizer: TextTokenizer, rng: random.Random
) -> tuple[np.ndarray, np.ndarray] | None:
    """A turn whose end is not trained: the model would not learn to stop."""
    weights = item.weights.copy()
    ends = np.flatnonzero((item.ids == tokenizer.special[END_OF_TEXT]) & (weights > 0))
    weights[rng.choice(ends.tolist())] = 0
    return item.ids, weights


def trained_wrong_turn(
    record: Record, item: Encoded, tokenizer: TextTokenizer, rng: random.Random
) -> tuple[np.ndarray, np.ndarray] | None:
    wrong = [number for number, turn in enumerate(record.turns()) if any(step.label == "wrong" for step in turn)]
    if not wrong:
        return None
    weights = item.weights.copy()
    starts = np.flatnonzero(item.ids == tokenizer.special[ASSISTANT])
    ends = np.flatnonzero(item.ids == tokenizer.special[END_OF_TEXT])
    turn = rng.choice(wrong)
    weights[starts[turn] + 1 : ends[turn] + 1] = 1
    return item.ids, weights


def untaught_call(
    record: Record, item: Encoded, tokenizer: TextTokenizer, rng: random.Random
) -> tuple[np.ndarray, np.ndarray] | None:
    """The thought is trained and the call it leads to is not."""
    weights = item.weights.copy()
    opened = np.flatnonzero((item.ids == tokenizer.special[CALL_OPEN]) & (weights > 0))
    closed = np.flatnonzero(item.ids == tokenizer.special[CALL_CLOSE])
    if not len(opened):
        return None
    start = rng.choice(opened.tolist())
    weights[start : closed[closed > start][0] + 1] = 0
    return item.ids, weights


def trained_observation(
    record: Record, item: Encoded, tokenizer: TextTokenizer, rng: random.Random
) -> tuple[np.ndarray, np.ndarray] | None:
    weights = item.weights.copy()
    start = rng.choice(np.flatnonzero(item.ids == tokenizer.special[RESPONSE_OPEN]).tolist())
    weights[start + 1 : start + 3] = 1
    return item.ids, weights


def forged_marker(
    record: Record, item: Encoded, tokenizer: TextTokenizer, rng: random.Random
) -> tuple[np.ndarray, np.ndarray] | None:
    """The text of an observation became a special token."""
    ids = item.ids.copy()
    start = rng.choice(np.flatnonzero(ids == tokenizer.special[RESPONSE_OPEN]).tolist())
    ids[start + 1] = tokenizer.special[rng.choice((ASSISTANT, END_OF_TEXT, RESPONSE_OPEN))]
    return ids, item.weights


MASK_FAULTS: dict[str, MaskInjection] = {
    "mask off by one": shifted,
    "turn end not trained": untaught_end,
    "wrong turn trained": trained_wrong_turn,
    "thought trained, call not": untaught_call,
    "observation trained": trained_observation,
    "marker forged by an observation": forged_marker,
}
