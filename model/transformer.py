"""The whole model: embedding, a stack of MLA blocks, a final norm, and the embedding again as output head.

Parameter names are those of the Youtu checkpoint layout less its `model.` prefix, so `model.exchange.hf` only adds it.

Legend: B rows, L tokens, T cached tokens, E hidden width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.backends import WHOLE_BATCH_BACKENDS, AttentionBackend
from model.block import Block
from model.cache import LatentCache
from model.config import MLAConfig
from model.decoding import DecodeBackend, check_decode_backend
from model.norm import RMSNorm
from model.packing import Packing
from model.recompute import Recompute, check_recompute, run_block
from model.rope import rotation


class MLATransformer(nn.Module):
    """A dense decoder. Weights are torch's defaults until `model.init.initialise` or a checkpoint sets them.

    `config` may be replaced by one that differs in rope_theta, rope_scaling or max_position_embeddings only (a longer
    context); angles are computed from it at every pass, and no buffer remembers the old ones. `recompute` and
    `decode_backend` may be set at any time.
    """

    def __init__(
        self,
        config: MLAConfig,
        attention: AttentionBackend = "padded",
        recompute: Recompute = "nothing",
        decode_backend: DecodeBackend = "reference",
    ) -> None:
        super().__init__()
        self.config = config
        self.recompute = check_recompute(recompute)
        self.decode_backend = check_decode_backend(decode_backend)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config, attention) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self._attention = attention
        self._run_block: Callable[..., Tensor] = run_block

    def compile_blocks(self, backend: str | Callable[..., Any] = "inductor") -> None:
        """Train through torch.compile: one graph forward and one backward for all blocks, recomputation included.

        A new row length is compiled anew. A block that cannot be one graph is an error, as are packed documents where
        the attention backend calls its kernel once a document: their lengths would be compiled into every batch's own
        graph. Filling a cache and decoding stay as they are.
        """
        self._run_block = torch.compile(run_block, fullgraph=True, dynamic=False, backend=backend)

    @property
    def head_weight(self) -> Tensor:
        """The output head, (V, E): the embedding itself."""
        return self.embed_tokens.weight

    def forward(
        self, ids_BL: Tensor, *, document_ids_BL: Tensor | None = None, positions_BL: Tensor | None = None
    ) -> Tensor:
        """Logits of the next token, (B, L, V). Arguments as for `hidden`."""
        hidden_BLE = self.hidden(ids_BL, document_ids_BL=document_ids_BL, positions_BL=positions_BL)
        return F.linear(hidden_BLE, self.head_weight)

    def hidden(
        self,
        ids_BL: Tensor,
        *,
        document_ids_BL: Tensor | None = None,
        positions_BL: Tensor | None = None,
        cache: LatentCache | None = None,
    ) -> Tensor:
        """What the head reads, (B, L, E).

        document_ids_BL: runs of equal ids in a row are documents that do not see each other, -1 is padding; without
        it a row is one document. positions_BL: default, the offset in the document. cache: takes up the latents of
        all tokens, which are the next of its prompts one after another.
        """
        row_tokens = ids_BL.shape[1]
        packing = None if document_ids_BL is None else Packing.of(document_ids_BL)
        if positions_BL is None:
            positions_BL = (
                torch.arange(row_tokens, device=ids_BL.device)[None] if packing is None else packing.positions_BL
            )
        run = self._run_block if cache is None else run_block
        if packing is not None and run is not run_block:
            if self._attention not in WHOLE_BATCH_BACKENDS:
                raise ValueError(
                    f"attention = {self._attention!r}: compiled blocks take packed documents from "
                    f"{list(WHOLE_BATCH_BACKENDS)} alone; choose one of these or do not compile"
                )
            packing.block_mask  # noqa: B018  # made once a batch, outside of what is compiled
        angles = rotation(positions_BL, self.config)
        x_BLE = self.embed_tokens(ids_BL)
        for layer, block in enumerate(self.layers):
            # Without a cache no block hears its number: it would be compiled into a graph of its own.
            place = () if cache is None else (cache, layer)
            x_BLE = run(self.recompute, block, x_BLE, angles, packing, *place)
        if cache is not None:
            cache.filled(ids_BL.numel())
        return self.norm(x_BLE)

    def decode(self, ids_B: Tensor, positions_B: Tensor, cache: LatentCache) -> Tensor:
        """Take in one token per row after those cached; return the next token's logits, (B, V)."""
        angles = rotation(positions_B[:, None], self.config)
        x_BE = self.embed_tokens(ids_B)
        for layer, block in enumerate(self.layers):
            assert isinstance(block, Block)
            x_BE = block.decode(x_BE, angles, cache, layer, self.decode_backend)
        cache.advance()
        return F.linear(self.norm(x_BE), self.head_weight)
