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
    A row's tokens begin at column starts_B, its next one goes to column next_1; both lie on the device, where a
    recorded step reads them.
    """

    def __init__(self, config: MLAConfig, lengths_B: Tensor, new_tokens: int, dtype: torch.dtype) -> None:
        rows, self.length_tokens = len(lengths_B), int(lengths_B.max())
        device = lengths_B.device
        columns = self.length_tokens + new_tokens
        # Zeros, not whatever memory held: a NaN in an unused column would survive its weight of 0.
        shape = (config.num_hidden_layers, rows, columns, config.latent_width)
        self._latents = torch.zeros(shape, dtype=dtype, device=device)
        self.starts_B = self.length_tokens - lengths_B
        unused_BT = torch.arange(columns, device=device) < self.starts_B[:, None]
        self._bias_B1T = torch.zeros(unused_BT.shape, dtype=dtype, device=device)
        self._bias_B1T = self._bias_B1T.masked_fill_(unused_BT, -torch.inf)[:, None]
        self.next_1 = torch.tensor([self.length_tokens], device=device)
        self.row_N = torch.repeat_interleave(torch.arange(rows, device=device), lengths_B)
        first_N = (lengths_B.cumsum(0) - lengths_B)[self.row_N]
        self._column_N = torch.arange(len(self.row_N), device=device) - first_N + self.starts_B[self.row_N]
        self._filled_tokens = 0
        self._past: tuple[int, slice] | None = None  # row and columns of the prompt that the next token continues

    @property
    def bias_B1T(self) -> Tensor:
        """Over the stored tokens and one more."""
        return self._bias_B1T[..., : self.length_tokens + 1]

    def positions(self, tokens: int) -> Tensor:
        """Offsets in their prompts of the next `tokens` prompt tokens to be filled in."""
        column_n, row_n = (all_N[self._filled_tokens :][:tokens] for all_N in (self._column_N, self.row_N))
        return column_n - self.starts_B[row_n]

    def past(self, layer: int) -> Tensor | None:
        """Stored latents of the prompt that the next token to be filled in continues, (T, X); None at its beginning."""
        return None if self._past is None else self._latents[layer, *self._past]

    def fill(self, layer: int, kv_nX: Tensor) -> None:
        """Store the latents of the next prompt tokens, all prompts one after another. `filled` ends the pass."""
        place = slice(self._filled_tokens, self._filled_tokens + len(kv_nX))
        self._latents[layer, self.row_N[place], self._column_N[place]] = kv_nX.to(self._latents.dtype)

    def filled(self, tokens: int) -> None:
        self._filled_tokens += tokens
        self._past = None
        if self._filled_tokens < len(self.row_N):
            row, column = int(self.row_N[self._filled_tokens]), int(self._column_N[self._filled_tokens])
            start = int(self.starts_B[row])
            self._past = (row, slice(start, column)) if column > start else None

    def rewind(self, tokens: int) -> None:
        """Go back to where the first `tokens` prompt tokens were filled in; what comes next overwrites the rest."""
        self._filled_tokens = 0
        self.filled(tokens)

    def append(self, layer: int, kv_BX: Tensor) -> None:
        """Store one more token per row. `advance` ends the step."""
        self._latents[layer].index_copy_(1, self.next_1, kv_BX[:, None])

    def stored(self, layer: int) -> Tensor:
        """All latents of the layer, those just appended included, (B, T, X)."""
        return self._latents[layer, :, : self.length_tokens + 1]

    def columns(self, layer: int) -> Tensor:
        """All columns of the layer, also those still unused: a shape that does not change as tokens come in."""
        return self._latents[layer]

    def advance(self) -> None:
        self.length_tokens += 1
        self.next_1 += 1

    def truncate(self, length_tokens: int) -> None:
        """Forget the columns past the first `length_tokens`."""
        self.length_tokens = length_tokens
        self.next_1.fill_(length_tokens)

    def keep(self, rows: Tensor) -> None:
        """Drop all rows but these, and the columns that none of them uses."""
        unused = int(self.starts_B[rows].min())
        self._latents = self._latents[:, :, unused:].index_select(1, rows)
        self._bias_B1T = self._bias_B1T[rows, :, unused:]
        self.starts_B = self.starts_B[rows] - unused
        self.length_tokens -= unused
        self.next_1 = self.next_1 - unused

    @property
    def bytes_per_token(self) -> int:
        layers, _, _, width = self._latents.shape
        return layers * width * self._latents.element_size()
