"""Cross-entropy of a linear head without ever holding all logits.

Logits of the 2B shape at 128k tokens would take 67 GB in float32. Rows go through the head in chunks; each chunk's
gradient is computed while its logits exist, so the backward pass only scales what was stored.

Legend: N rows (tokens), H hidden width, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def linear_cross_entropy(
    hidden_NH: Tensor, head_VH: Tensor, targets_N: Tensor, weights_N: Tensor, chunk_rows: int = 1024
) -> tuple[Tensor, Tensor]:
    """Weighted sum of -log softmax(hidden · headᵀ)[target] in nats, and the sum of weights, both float32 scalars.

    Divide the first by the second for the mean. Rows of weight 0 are left out and may hold any target. Sums and the
    head's gradient accumulate in float32; products use the hidden states' type, or autocast's where it is on.
    Raises ValueError if a counted target is no row of the head.
    """
    counted = weights_N.nonzero().squeeze(-1)
    if counted.numel() < weights_N.numel():
        hidden_NH, targets_N, weights_N = hidden_NH[counted], targets_N[counted], weights_N[counted]
    if targets_N.numel():
        low, high = (int(bound) for bound in targets_N.aminmax())
        if low < 0 or high >= head_VH.shape[0]:
            raise ValueError(
                f"targets_N spans {low} to {high}: must lie in 0 to {head_VH.shape[0] - 1}; give padding weight 0"
            )
    device = hidden_NH.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden_NH.dtype
    weights_N = weights_N.float()
    loss_sum = _LinearCrossEntropy.apply(hidden_NH, head_VH, targets_N, weights_N, chunk_rows, dtype)
    return loss_sum, weights_N.sum()


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_NH: Tensor,
        head_VH: Tensor,
        targets_N: Tensor,
        weights_N: Tensor,
        chunk_rows: int,
        dtype: torch.dtype,
    ) -> Tensor:
        with torch.autocast(hidden_NH.device.type, enabled=False):
            head = head_VH.to(dtype)
            loss_sum = torch.zeros((), dtype=torch.float32, device=hidden_NH.device)
            d_hidden_NH = torch.empty_like(hidden_NH) if ctx.needs_input_grad[0] else None
            d_head_VH = torch.zeros_like(head_VH, dtype=torch.float32) if ctx.needs_input_grad[1] else None
            for start in range(0, hidden_NH.shape[0], chunk_rows):
                chunk = slice(start, start + chunk_rows)
                hidden = hidden_NH[chunk].to(dtype)
                targets_n1, weights_n1 = targets_N[chunk, None], weights_N[chunk, None]
                log_p_nV = (hidden @ head.T).log_softmax(dim=-1, dtype=torch.float32)
                loss_sum -= (log_p_nV.gather(1, targets_n1) * weights_n1).sum()
                if d_hidden_NH is None and d_head_VH is None:
                    continue
                # d loss / d logits = weight * (softmax - one-hot target), in place of the log-probabilities.
                log_p_nV.exp_().mul_(weights_n1).scatter_add_(1, targets_n1, -weights_n1)
                d_logits_nV = log_p_nV.to(dtype)
                if d_hidden_NH is not None:
                    d_hidden_NH[chunk] = d_logits_nV @ head
                if d_head_VH is not None:
                    if dtype == torch.float32:
                        d_head_VH.addmm_(d_logits_nV.T, hidden)
                    else:
                        d_head_VH += d_logits_nV.T @ hidden
        ctx.save_for_backward(d_hidden_NH, d_head_VH)
        ctx.head_dtype = head_VH.dtype
        return loss_sum

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor) -> tuple[Tensor | None, ...]:
        d_hidden_NH, d_head_VH = ctx.saved_tensors
        return (
            None if d_hidden_NH is None else d_hidden_NH * d_loss.to(d_hidden_NH.dtype),
            None if d_head_VH is None else (d_head_VH * d_loss).to(ctx.head_dtype),
            None,
            None,
            None,
            None,
        )
