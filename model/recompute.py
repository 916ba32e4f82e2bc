"""Activation checkpointing: what a block keeps for its backward pass and what it computes again.

| policy | keeps | computes again |
|---|---|---|
| `nothing` | all that autograd asks for | nothing |
| `pointwise` | results of matrix products and of attention | norms, rotations, the gate's product |
| `all_but_attention` | a block's input, and results of attention | everything else |

Results are the same to the bit. Attention is never computed again: at 32k tokens it is three fifths of a block's
forward pass, at 128k six sevenths (causal, the 2B shape; `model.flops`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from model.choice import choose

Recompute = Literal["nothing", "pointwise", "all_but_attention"]

_POINTWISE_FROM_TOKENS = 16_384
_BLOCK_FROM_TOKENS = 32_768
_PRODUCTS = {torch.ops.aten.mm.default, torch.ops.aten.addmm.default, torch.ops.aten.bmm.default}
_ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
    torch.ops.aten._scaled_dot_product_flash_attention.default,
    torch.ops.aten._scaled_dot_product_cudnn_attention.default,
    torch.ops.higher_order.flex_attention,
}


_KEPT: dict[Recompute, set[Any]] = {"pointwise": _ATTENTION | _PRODUCTS, "all_but_attention": _ATTENTION}


def recompute_for(row_tokens: int) -> Recompute:
    """What fits beside the weights and states of the 2B shape on a card of 80 GB, one row at a time."""
    if row_tokens < _POINTWISE_FROM_TOKENS:
        return "nothing"
    return "pointwise" if row_tokens < _BLOCK_FROM_TOKENS else "all_but_attention"


def check_recompute(name: str) -> Recompute:
    """`name` as a policy. Raises ValueError if there is none of that name."""
    policy: Recompute = choose("recompute", name, Recompute)
    return policy


def run_block(policy: Recompute, block: Callable[..., Tensor], *arguments: Any) -> Tensor:
    """`block(*arguments)` under a policy."""
    if policy == "nothing" or not torch.is_grad_enabled():
        return block(*arguments)
    out: Tensor = checkpoint(
        block,
        *arguments,
        use_reentrant=False,
        context_fn=_CONTEXTS[policy],
    )
    return out


def _decide(kept: set[Any], context: Any, operation: Any, *arguments: Any, **options: Any) -> CheckpointPolicy:
    return CheckpointPolicy.MUST_SAVE if operation in kept else CheckpointPolicy.PREFER_RECOMPUTE


# Made once: compiled code is made anew for every function object it meets.
_CONTEXTS = {
    policy: partial(create_selective_checkpoint_contexts, partial(_decide, kept)) for policy, kept in _KEPT.items()
}
