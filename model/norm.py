"""Root-mean-square normalisation (arXiv 1910.07467), computed in float32 or wider."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class RMSNorm(nn.Module):
    """x / sqrt(mean(x²) + eps) * weight over the last dimension."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            # A compiler fuses torch's own derivative. Capturing ours, torch 2.11 loses its gradients without a word.
            return F.rms_norm(x, self.weight.shape, self.weight, self.eps)
        if not torch.is_grad_enabled():
            return _normalised(x, self.weight, self.eps)[0]  # the same bits without autograd's call, a third of it
        normed: Tensor = _RMSNorm.apply(x, self.weight, self.eps)
        return normed


class _RMSNorm(torch.autograd.Function):
    """With its derivative written out: on a CPU torch differentiates `rms_norm` operation by operation, three times
    slower, which was an eighth of a training step of the `nano` shape."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        out, inverse = _normalised(x, weight, eps)
        ctx.save_for_backward(x, weight, inverse)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor, Tensor, None]:
        """With n = x * inverse, g = d_out * weight: d_x = inverse * (g - n * mean(g * n)), d_weight = Σ d_out * n."""
        x, weight, inverse = ctx.saved_tensors
        normed = _wide(x) * inverse
        d_out32 = _wide(d_out)
        d_weight = (d_out32 * normed).flatten(0, -2).sum(0)
        d_normed = d_out32 * weight
        shared = (d_normed * normed).mean(dim=-1, keepdim=True)
        d_x = torch.addcmul(d_normed, normed, shared, value=-1).mul_(inverse)
        return d_x.to(x.dtype), d_weight.to(weight.dtype), None


def _normalised(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The normed input, and the inverse of its root mean square in float32 or wider."""
    x32 = _wide(x)
    inverse = x32.square().mean(dim=-1, keepdim=True).add_(eps).rsqrt_()
    return (x32 * inverse).mul_(weight).to(x.dtype), inverse


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
