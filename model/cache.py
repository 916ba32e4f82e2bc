"""The latent cache: per token and layer one compressed key-value latent and one rotated key, nothing else.

For the 2B shape that is 576 values a token and layer where expanded keys and values take 5,120.

Legend: B rows, T tokens stored, X = kv_lora_rank + qk_rope_head_dim.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.config import MLAConfig


class LatentCache:
    """Room for `capacity_tokens` columns in every row. Rows are aligned at their last token: shorter ones start later.

    A forward pass calls `fill` (many tokens) or `append` (one) once per layer and then `advance`.
    """

    def __init__(
        self, config: MLAConfig, rows: int, capacity_tokens: int, *, dtype: torch.dtype, device: torch.device
    ) -> None:
        shape = (config.num_hidden_layers, rows, capacity_tokens, config.latent_width)
        self.latents = torch.empty(shape, dtype=dtype, device=device)
        self.length_tokens = 0

    def fill(self, layer: int, kv_BLX: Tensor) -> None:
        """Store a prompt's latents from the first column on."""
        assert self.length_tokens == 0, "prefill writes an empty cache"
        self.latents[layer, :, : kv_BLX.shape[1]] = kv_BLX

    def append(self, layer: int, kv_B1X: Tensor) -> Tensor:
        """Store one more token per row; return a view of all latents of the layer, (B, T + 1, X)."""
        end = self.length_tokens + 1
        self.latents[layer, :, self.length_tokens : end] = kv_B1X
        return self.latents[layer, :, :end]

    def advance(self, tokens: int) -> None:
        self.length_tokens += tokens

    def keep(self, rows: Tensor, first_column: int = 0) -> None:
        """Drop all rows but these, and the columns before `first_column`, which no kept row uses."""
        self.latents = self.latents[:, :, first_column:].index_select(1, rows)
        self.length_tokens -= first_column

    @property
    def size_bytes(self) -> int:
        return self.latents.nbytes
