"""Probes of a long context: does the model find what stands far back, and does it know the state after many changes?

| probe | context | question |
|---|---|---|
| `needle` | sentences that each give the code of one object, no object twice | the code of one of them |
| `state` | one agent episode: calls that move things between rooms, and the tool's answers | where one thing is now |

Every item has four options, other codes and earlier rooms out of the context (a room unseen where the context is too
short for four moves); the likeliest by summed log-probability is the answer, so chance is 1/4 and nothing depends on a
model's style. Where the deciding sentence stands is spread evenly over the context. Items are a pure function of
(probe, tokenizer, length, seed, index, number of items).

Legend: L tokens of a chunk, H hidden width.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from components.agent.messages import Message, ToolCall, ToolSpec
from components.agent.template import encode_conversation
from components.core.errors import BadInput
from components.evaluation.statistics import Interval, wilson
from components.tokenizer import TextTokenizer
from model import MLATransformer
from model.cache import LatentCache

OPTIONS = 4
LEAST_TOKENS = 512
_ADJECTIVES = ("amber", "blue", "brass", "cold", "dark", "green", "iron", "light", "old", "red", "round", "white")
_NOUNS = (
    "box",
    "bell",
    "book",
    "chair",
    "clock",
    "cup",
    "door",
    "key",
    "lamp",
    "map",
    "ring",
    "stone",
    "table",
    "wheel",
)
_ROOMS = ("attic", "barn", "cellar", "garden", "hall", "kitchen", "library", "office", "shed", "studio")
_MOVE = ToolSpec(
    name="move",
    description="",
    parameters={"type": "object", "properties": {"thing": {"type": "string"}, "to": {"type": "string"}}},
)


@dataclass(frozen=True, kw_only=True)
class ProbeItem:
    """context: token ids that end where an option begins. depth: share of the context before the deciding sentence."""

    context: tuple[int, ...]
    options: tuple[tuple[int, ...], ...]
    answer: int
    depth: float


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    probe: str
    tokens: int
    items: int
    accuracy: Interval


def make_item(probe: str, tokenizer: TextTokenizer, tokens: int, seed: int, index: int, items: int) -> ProbeItem:
    """Item `index` of `items`, with a context of at most `tokens` tokens and close to it.

    Raises BadInput for an unknown probe or a length below 512.
    """
    if probe not in PROBES:
        raise BadInput(f"probe = {probe!r}: choose one of {sorted(PROBES)}")
    if tokens < LEAST_TOKENS:
        raise BadInput(f"tokens = {tokens}: must be at least {LEAST_TOKENS}, to hold four options and a question")
    draw = random.Random(f"{probe}/{tokens}/{seed}/{index}")
    return PROBES[probe](tokenizer, tokens, draw, (index + 0.5) / items)


def _needle(tokenizer: TextTokenizer, tokens: int, draw: random.Random, depth: float) -> ProbeItem:
    opening = [tokenizer.bos_id, *tokenizer.encode("A list of objects and their codes.\n")]
    facts: list[tuple[str, str, list[int]]] = []
    left = tokens - len(opening) - 64  # what a question takes at most, byte by byte
    names: set[str] = set()
    while True:
        name = f"{draw.choice(_ADJECTIVES)} {draw.choice(_NOUNS)} {draw.randrange(100_000)}"
        code = f" {draw.randrange(10_000):04d}"
        ids = tokenizer.encode(f"The code of the {name} is{code}.\n")
        if len(ids) > left:
            break
        if name not in names:
            names.add(name)
            facts.append((name, code, ids))
            left -= len(ids)
    asked = int(depth * len(facts))
    name, code, _ = facts[asked]
    wrong = draw.sample(sorted({other for _, other, _ in facts} - {code}), OPTIONS - 1)
    question = tokenizer.encode(f"The code of the {name} is")
    context = [*opening, *(token for _, _, ids in facts for token in ids), *question]
    return _item(tokenizer, context, code, wrong, draw, depth)


def _state(tokenizer: TextTokenizer, tokens: int, draw: random.Random, depth: float) -> ProbeItem:
    things = [f"{adjective} {noun}" for adjective in _ADJECTIVES for noun in _NOUNS]
    asked = draw.choice(things)
    opening = encode_conversation(tokenizer, [Message("user", "Move the things as needed.")], [_MOVE])
    closing = encode_conversation(
        tokenizer, [Message("user", f"Where is the {asked} now?")], add_generation_prompt=True
    )[1:] + tokenizer.encode(f"The {asked} is in the")
    left = tokens - len(opening) - len(closing)
    # An exchange is encoded for itself: the template joins them without a merge across their border.
    moves: list[tuple[str, str]] = []
    encoded: list[list[int]] = []
    last_move = int(depth * left)
    rooms = draw.sample(_ROOMS, OPTIONS)  # where the asked thing goes, one after another; the last one is the answer
    stops = [int(last_move * share) for share in (0.0, 0.33, 0.66, 1.0)]
    spent = 0
    while True:
        due = len(rooms) > 0 and spent >= stops[OPTIONS - len(rooms)]
        thing, room = (asked, rooms[0]) if due else (draw.choice(things), draw.choice(_ROOMS))
        if thing == asked and not due:
            continue
        ids = _exchange(tokenizer, thing, room)
        if spent + len(ids) > left:
            break
        if due:
            del rooms[0]
        moves.append((thing, room))
        encoded.append(ids)
        spent += len(ids)
    visited = [room for thing, room in moves if thing == asked]
    if not visited:
        raise BadInput(f"tokens = {tokens}: too few for one move in this vocabulary; ask for more")
    others = [room for room in _ROOMS if room not in visited]
    wrong = (visited[-2::-1] + draw.sample(others, len(others)))[: OPTIONS - 1]
    context = [*opening, *(token for ids in encoded for token in ids), *closing]
    return _item(tokenizer, context, f" {visited[-1]}", [f" {room}" for room in wrong], draw, depth)


def _exchange(tokenizer: TextTokenizer, thing: str, room: str) -> list[int]:
    call = ToolCall(name=_MOVE.name, arguments={"thing": thing, "to": room})
    messages = [Message("assistant", "", (call,)), Message("tool", "moved")]
    return encode_conversation(tokenizer, messages)[1:]


def _item(
    tokenizer: TextTokenizer, context: list[int], right: str, wrong: Sequence[str], draw: random.Random, depth: float
) -> ProbeItem:
    texts = [right, *wrong]
    draw.shuffle(texts)
    options = tuple(tuple(tokenizer.encode(text)) for text in texts)
    return ProbeItem(context=tuple(context), options=options, answer=texts.index(right), depth=depth)


PROBES: dict[str, Callable[[TextTokenizer, int, random.Random, float], ProbeItem]] = {
    "needle": _needle,
    "state": _state,
}


@torch.inference_mode()
def option_log_probabilities(model: MLATransformer, item: ProbeItem, prefill_tokens: int = 2048) -> list[float]:
    """Summed log-probability of each option, nats. The context is read once, in chunks, into the latent cache."""
    device = model.head_weight.device
    length, longest = len(item.context), max(map(len, item.options))
    cache = LatentCache(model.config, torch.tensor([length + longest], device=device), 0, model.head_weight.dtype)
    ids_1L = torch.tensor([item.context], device=device)
    for start in range(0, length, prefill_tokens):
        last_H = _read(model, cache, ids_1L[:, start : start + prefill_tokens])[-1]
    scores = []
    for option in item.options:
        cache.rewind(length)
        option_L = torch.tensor(option, device=device)
        before_LH = last_H[None]
        if len(option) > 1:
            before_LH = torch.cat((before_LH, _read(model, cache, option_L[None, :-1])))
        log_p_LV = (before_LH @ model.head_weight.T).float().log_softmax(-1)
        scores.append(float(log_p_LV.gather(1, option_L[:, None]).sum()))
    return scores


def _read(model: MLATransformer, cache: LatentCache, ids_1L: torch.Tensor) -> torch.Tensor:
    positions_1L = cache.positions(ids_1L.shape[1])[None]
    return model.hidden(ids_1L, positions_BL=positions_1L, cache=cache)[0]


def run_probe(
    model: MLATransformer,
    tokenizer: TextTokenizer,
    probe: str,
    *,
    tokens: int,
    items: int,
    seed: int,
    confidence: float = 0.95,
) -> ProbeResult:
    """Accuracy over `items` items at one length, with Wilson's interval."""
    right = 0
    for index in range(items):
        item = make_item(probe, tokenizer, tokens, seed, index, items)
        scores = option_log_probabilities(model, item)
        right += max(range(OPTIONS), key=scores.__getitem__) == item.answer
    return ProbeResult(probe=probe, tokens=tokens, items=items, accuracy=wilson(right, items, confidence))
