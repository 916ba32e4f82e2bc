"""Log-probabilities that a model gives to the tokens of many rows, batched by length, or to many ways to go on from
places in one text.

`score_rows` serves bits per byte of held-out text and lm-eval's options; `score_continuations` the options of agent
phases, whose long common beginning it reads once. Shapes: B rows of a batch, L tokens of its longest row, N scored
tokens, H hidden width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from model import MLATransformer
from model.cache import LatentCache

_LOGIT_ROWS = 1024  # rows of logits alive at once: 1024 x 128k vocabulary is 0.5 GB in float32


@dataclass(frozen=True, kw_only=True)
class ScoredRow:
    """What the model says about the scored tokens of one row."""

    log_probabilities: np.ndarray  # (scored,) float64, nats
    greedy: np.ndarray  # (scored,) bool: the token is the most likely one


@dataclass(frozen=True, kw_only=True)
class ScoringRow:
    """Token ids to score: those from `first_target` on, each given all before it in the row."""

    ids: np.ndarray
    first_target: int

    def __post_init__(self) -> None:
        assert 1 <= self.first_target <= len(self.ids)


def sliding_rows(
    ids: np.ndarray, *, context_tokens: int, overlap_tokens: int, first_target: int = 1
) -> list[ScoringRow]:
    """Rows of at most `context_tokens` that together score every token of `ids` from `first_target` on exactly once.

    One row with as much context as fits, if that is enough; else rows slide on, and after the first one each scored
    token has at least `overlap_tokens` before it to stand on.
    """
    assert 0 < overlap_tokens < context_tokens
    if len(ids) - first_target < context_tokens:
        start = max(0, len(ids) - context_tokens)
        return [ScoringRow(ids=ids[start:], first_target=first_target - start)]
    rows: list[ScoringRow] = []
    scored = first_target
    while scored < len(ids):
        start = max(0, scored - overlap_tokens)
        end = min(len(ids), start + context_tokens)
        rows.append(ScoringRow(ids=ids[start:end], first_target=scored - start))
        scored = end
    return rows


@dataclass(frozen=True, kw_only=True)
class Continuation:
    """Token ids that could follow the first `after` tokens of a text."""

    after: int
    ids: np.ndarray

    def __post_init__(self) -> None:
        assert self.after >= 1 and len(self.ids) >= 1


@torch.inference_mode()
def score_continuations(
    model: MLATransformer, ids: np.ndarray, continuations: Sequence[Continuation]
) -> list[np.ndarray]:
    """Log-probabilities (nats, float64) of each continuation's tokens, given the beginning of `ids` it follows.

    The text is read once into the latent cache. Continuations are taken from its end towards its beginning, so that
    what one of them overwrites no later one needs.
    """
    text = torch.as_tensor(np.asarray(ids, dtype=np.int64), device=model.head_weight.device)
    text = text[: max(continuation.after for continuation in continuations)]
    capacity = max(len(text), *(each.after + len(each.ids) for each in continuations))
    lengths = torch.tensor([capacity], device=text.device)
    cache = LatentCache(model.config, lengths, 0, model.head_weight.dtype)
    hidden_LH = model.hidden(text[None], cache=cache)[0]
    scored: dict[int, np.ndarray] = {}
    for index in sorted(range(len(continuations)), key=lambda index: -continuations[index].after):
        after = continuations[index].after
        targets = torch.as_tensor(np.asarray(continuations[index].ids, dtype=np.int64), device=text.device)
        cache.rewind(after)
        positions = cache.positions(len(targets))
        own_NH = model.hidden(targets[None], positions_BL=positions[None], cache=cache)[0]
        before_NH = torch.cat((hidden_LH[after - 1 : after], own_NH[:-1]))
        scored[index] = _score_targets(before_NH, model.head_weight, targets)[0]
    return [scored[index] for index in range(len(continuations))]


@torch.inference_mode()
def score_rows(model: MLATransformer, rows: Sequence[ScoringRow], *, batch_tokens: int = 8192) -> list[ScoredRow]:
    """Score every row; results in the order given.

    Rows of like length share a batch of at most `batch_tokens`; padding stands to the right, where a causal model
    cannot see it, so but for rounding a row's result does not depend on its neighbours.
    """
    device = model.head_weight.device
    order = sorted(range(len(rows)), key=lambda index: (len(rows[index].ids), index))
    scored: dict[int, ScoredRow] = {}
    while order:
        batch = _take_batch(rows, order, batch_tokens)
        longest = max(len(rows[index].ids) for index in batch)
        ids_BL = torch.zeros((len(batch), longest), dtype=torch.long)
        scored_BL = torch.zeros((len(batch), longest), dtype=torch.bool)
        for place, index in enumerate(batch):
            row = rows[index]
            ids_BL[place, : len(row.ids)] = torch.as_tensor(np.asarray(row.ids, dtype=np.int64))
            scored_BL[place, row.first_target : len(row.ids)] = True
        hidden_BLH = model.hidden(ids_BL.to(device))
        targets_N = ids_BL[scored_BL].to(device)
        # The hidden state before a token predicts it.
        hidden_NH = hidden_BLH[:, :-1][scored_BL[:, 1:].to(device)]
        log_probabilities, greedy = _score_targets(hidden_NH, model.head_weight, targets_N)
        counts = [len(rows[index].ids) - rows[index].first_target for index in batch]
        ends = np.cumsum(counts)
        for index, end, count in zip(batch, ends, counts, strict=True):
            span = slice(end - count, end)
            scored[index] = ScoredRow(log_probabilities=log_probabilities[span], greedy=greedy[span])
    return [scored[index] for index in range(len(rows))]


def _take_batch(rows: Sequence[ScoringRow], order: list[int], batch_tokens: int) -> list[int]:
    """Remove from the end of `order` (the longest rows) as many as fit beside the first of them."""
    longest = len(rows[order[-1]].ids)
    count = max(1, min(len(order), batch_tokens // longest))
    batch = order[-count:]
    del order[-count:]
    return batch


def _score_targets(
    hidden_NH: torch.Tensor, head_VH: torch.Tensor, targets_N: torch.Tensor
) -> tuple[np.ndarray, np.ndarray]:
    log_probabilities, greedy = [np.zeros(0)], [np.zeros(0, dtype=bool)]
    for start in range(0, len(targets_N), _LOGIT_ROWS):
        chunk = slice(start, start + _LOGIT_ROWS)
        logits_NV = (hidden_NH[chunk] @ head_VH.T).float()
        targets = targets_N[chunk]
        of_target = logits_NV.gather(1, targets[:, None]).squeeze(1)
        log_probabilities.append((of_target - logits_NV.logsumexp(dim=1)).double().cpu().numpy())
        greedy.append((logits_NV.argmax(dim=1) == targets).cpu().numpy())
    return np.concatenate(log_probabilities), np.concatenate(greedy)
