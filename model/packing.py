"""Where the documents of a packed batch lie, worked out once per batch and shared by all layers.

A document is a run of equal ids in a row; id -1 marks padding. Attention stays inside a run and causal; padding
neither attends nor is attended to, and its attention output is zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

PADDING_ID = -1


@dataclass(frozen=True, kw_only=True)
class Packing:
    """Runs of a batch in row-major order.

    lengths: tokens per run, summing to B * L. real: whether each run is a document rather than padding.
    run_BL: number of the run each token belongs to. real_BL: whether each token belongs to a document.
    positions_BL: offset of each token in its run.
    """

    lengths: tuple[int, ...]
    real: tuple[bool, ...]
    run_BL: Tensor
    real_BL: Tensor
    positions_BL: Tensor

    @classmethod
    def of(cls, document_ids_BL: Tensor) -> Packing:
        """Read the runs of `document_ids_BL` (int, B x L). Copies run lengths to the host once."""
        rows, row_tokens = document_ids_BL.shape
        starts_BL = torch.ones_like(document_ids_BL, dtype=torch.bool)
        starts_BL[:, 1:] = document_ids_BL[:, 1:] != document_ids_BL[:, :-1]
        starts_R = starts_BL.flatten().nonzero().squeeze(-1)
        lengths_R = starts_R.diff(append=starts_R.new_tensor([rows * row_tokens]))
        run_BL = starts_BL.flatten().cumsum(0).sub_(1).view(rows, row_tokens)
        tokens = torch.arange(rows * row_tokens, device=document_ids_BL.device).view(rows, row_tokens)
        real_BL = document_ids_BL != PADDING_ID
        return cls(
            lengths=tuple(lengths_R.tolist()),
            real=tuple(real_BL.flatten()[starts_R].tolist()),
            run_BL=run_BL,
            real_BL=real_BL,
            positions_BL=tokens - starts_R[run_BL],
        )

    def mask_BLL(self) -> Tensor:
        """True where query token i may see key token j of the same row: same document and j <= i."""
        same_BLL = self.run_BL[:, :, None] == self.run_BL[:, None, :]
        return (same_BLL & self.real_BL[:, :, None]).tril()

    @cached_property
    def block_mask(self) -> BlockMask:
        """The same mask for FlexAttention, but that padding sees earlier padding of its run. Made once per batch: made
        per layer it can take most of a forward pass."""
        run_BL, (rows, row_tokens) = self.run_BL, self.run_BL.shape
        return create_block_mask(
            lambda b, h, i, j: (run_BL[b, i] == run_BL[b, j]) & (i >= j),
            rows,
            None,
            row_tokens,
            row_tokens,
            device=str(run_BL.device),
        )
