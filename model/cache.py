"""The latent cache: per token and layer one compressed key-value latent and one rotated key, nothing else.

For the 2B shape that is 576 values a token and layer where expanded keys and values take 5,120.

Legend: B rows, N prompt tokens of all rows, T columns, X = kv_lora_rank + qk_rope_head_dim.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.config import MLAConfig


class LatentCache:
    """Rows of unequal prompts, aligned at their last token, so that a decoding step writes one column for all.

    bias_B1T is what a new token adds to its scores: -inf on the columns before its row's prompt, else 0.
    """

    def __init__(self, config: MLAConfig, lengths_B: Tensor, new_tokens: int, dtype: torch.dtype) -> None:
        rows, self.length_tokens = len(lengths_B), int(lengths_B.max())
        device = lengths_B.device
        columns = self.length_tokens + new_tokens
        # Zeros, not whatever memory held: a NaN in an unused column would survive its weight of 0.
        shape = (config.num_hidden_layers, rows, columns, config.latent_width)
        self._latents = torch.zeros(shape, dtype=dtype, device=device)
        self._starts_B = self.length_tokens - lengths_B
        unused_BT = torch.arange(columns, device=device) < self._starts_B[:, None]
        self._bias_B1T = torch.zeros(unused_BT.shape, dtype=dtype, device=device)
        self._bias_B1T = self._bias_B1T.masked_fill_(unused_BT, -torch.inf)[:, None]
        self.row_N = torch.repeat_interleave(torch.arange(rows, device=device), lengths_B)
        first_N = (lengths_B.cumsum(0) - lengths_B)[self.row_N]
        self._column_N = torch.arange(len(self.row_N), device=device) - first_N + self._starts_B[self.row_N]

    @property
    def bias_B1T(self) -> Tensor:
        """Over the stored tokens and one more."""
        return self._bias_B1T[..., : self.length_tokens + 1]

    def fill(self, layer: int, kv_NX: Tensor) -> None:
        """Store the latents of all prompts, given one after another."""
        self._latents[layer, self.row_N, self._column_N] = kv_NX.to(self._latents.dtype)

    def append(self, layer: int, kv_BX: Tensor) -> Tensor:
        """Store one more token per row; return all latents of the layer, (B, T, X). `advance` ends the step."""
        self._latents[layer, :, self.length_tokens] = kv_BX
        return self._latents[layer, :, : self.length_tokens + 1]

    def advance(self) -> None:
        self.length_tokens += 1

    def keep(self, rows: Tensor) -> None:
        """Drop all rows but these, and the columns that none of them uses."""
        unused = int(self._starts_B[rows].min())
        self._latents = self._latents[:, :, unused:].index_select(1, rows)
        self._bias_B1T = self._bias_B1T[rows, :, unused:]
        self._starts_B = self._starts_B[rows] - unused
        self.length_tokens -= unused

    @property
    def bytes_per_token(self) -> int:
        layers, _, _, width = self._latents.shape
        return layers * width * self._latents.element_size()
