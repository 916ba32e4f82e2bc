"""Choosing the next token from logits: repetition penalty, temperature, top-k, top-p, in the order of transformers.

Legend: B rows, V vocabulary, K candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """temperature 0 takes the likeliest token. top_k 0 and top_p 1 leave all tokens in. Penalty 1 changes nothing."""

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        for field, value, allowed, remedy in (
            ("temperature", self.temperature, self.temperature >= 0, "0 for greedy, else above 0"),
            ("top_k", self.top_k, self.top_k >= 0, "0 for all tokens, else at least 1"),
            ("top_p", self.top_p, 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("repetition_penalty", self.repetition_penalty, self.repetition_penalty > 0, "above 0; 1 changes nothing"),
        ):
            if not allowed:
                raise ValueError(f"{field} = {value!r}: must be {remedy}")

    def choose(self, logits_BV: Tensor, seen_BV: Tensor | None, uniform_B: Tensor) -> Tensor:
        """One token id per row. seen_BV: tokens to penalise. uniform_B: a draw from [0, 1) per row, unused if greedy.

        A row's choice depends on its own logits and draw alone, so results do not hinge on who shares the batch.
        """
        logits_BV = logits_BV.float()
        if seen_BV is not None:
            penalty = self.repetition_penalty
            penalised_BV = torch.where(logits_BV > 0, logits_BV / penalty, logits_BV * penalty)
            logits_BV = torch.where(seen_BV, penalised_BV, logits_BV)
        if self.temperature == 0:
            return logits_BV.argmax(dim=-1)
        ids_BK: Tensor | None = None
        if self.top_k:
            logits_BV, ids_BK = logits_BV.topk(min(self.top_k, logits_BV.shape[-1]), dim=-1)
        elif self.top_p < 1:
            logits_BV, ids_BK = logits_BV.sort(dim=-1, descending=True)
        p_BK = (logits_BV / self.temperature).softmax(dim=-1)
        if self.top_p < 1:  # the smallest set of likeliest tokens that reaches top_p; the first always stays
            p_BK = p_BK.masked_fill(p_BK.cumsum(dim=-1) - p_BK >= self.top_p, 0.0)
        reached_BK = p_BK.cumsum(dim=-1)
        aim_B1 = uniform_B[:, None] * reached_BK[:, -1:]
        # The first candidate whose cumulative probability exceeds the aim; rounding must not step past the last.
        pick_B1 = (reached_BK <= aim_B1).sum(dim=-1, keepdim=True)
        pick_B1 = torch.minimum(pick_B1, (p_BK > 0).sum(dim=-1, keepdim=True) - 1) if ids_BK is not None else pick_B1
        return (pick_B1 if ids_BK is None else ids_BK.gather(1, pick_B1)).squeeze(-1)
