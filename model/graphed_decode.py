"""A decoding step as one CUDA graph. Legend: B rows, V vocabulary."""

from __future__ import annotations

import torch
from torch import Tensor

from model.cache import LatentCache
from model.transformer import MLATransformer

_WARM_UP_STEPS = 2


class GraphedDecode:
    """`model.decode` on one cache, recorded once as a CUDA graph and replayed.

    A step of the 2B shape is some six hundred small kernels; launched one by one they take longer than the reading of
    the weights that bounds the step. Needs the `split_kv` backend, whose shapes do not change with the cache's length.
    The logits returned are overwritten by the next call.
    """

    def __init__(self, model: MLATransformer, cache: LatentCache, rows: int) -> None:
        assert model.decode_backend == "split_kv"
        device = model.head_weight.device
        self._cache = cache
        self._ids_B = torch.zeros(rows, dtype=torch.long, device=device)
        self._positions_B = torch.zeros(rows, dtype=torch.long, device=device)
        length_tokens = cache.length_tokens
        aside = torch.cuda.Stream(device)
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP_STEPS):  # compiles kernels and picks those of the libraries
                model.decode(self._ids_B, self._positions_B, cache)
                cache.truncate(length_tokens)
        torch.cuda.current_stream(device).wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._logits_BV = model.decode(self._ids_B, self._positions_B, cache)
        cache.truncate(length_tokens)

    def __call__(self, ids_B: Tensor, positions_B: Tensor) -> Tensor:
        """Take in one token per row; the next token's logits, (B, V)."""
        self._ids_B.copy_(ids_B)
        self._positions_B.copy_(positions_B)
        self._graph.replay()
        self._cache.length_tokens += 1  # the graph advances the device's count alone
        return self._logits_BV
