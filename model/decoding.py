"""Absorbed attention of one new token per row over the latent cache: `absorbed_attention` runs the backend that was
named or raises, as `model.backends.attention` does for whole rows.

| backend | runs on | what it is |
|---|---|---|
| `reference` | everywhere | two batched products and a softmax over all columns |
| `split_kv` | NVIDIA, with Triton | one pass over the latents, split over the GPU; a step becomes a CUDA graph |

Legend: B rows, H heads, T cached tokens, X = C + R with C = kv_lora_rank.
"""

from __future__ import annotations

import os
from typing import Literal

import torch
from torch import Tensor

from model.cache import LatentCache
from model.choice import choose

DecodeBackend = Literal["reference", "split_kv"]


def check_decode_backend(name: str) -> DecodeBackend:
    """`name` as a backend. Raises ValueError if there is none of that name."""
    backend: DecodeBackend = choose("decode_backend", name, DecodeBackend)
    return backend


def absorbed_attention(
    q_BHX: Tensor, cache: LatentCache, layer: int, value_width: int, backend: DecodeBackend
) -> Tensor:
    """Softmax over each row's stored tokens, the one just appended among them, and the sum of their latents so
    weighted, (B, H, C). q_BHX is scaled already.

    Raises ValueError if the device or the installation has no such backend.
    """
    if backend == "split_kv":
        return _split_kv(q_BHX, cache, layer, value_width)
    kv_BTX = cache.stored(layer)
    scores_BHT = torch.baddbmm(cache.bias_B1T, q_BHX, kv_BTX.transpose(1, 2))
    weights_BHT = scores_BHT.softmax(dim=-1, dtype=torch.float32).to(kv_BTX.dtype)
    return torch.bmm(weights_BHT, kv_BTX[..., :value_width])


def _split_kv(q_BHX: Tensor, cache: LatentCache, layer: int, value_width: int) -> Tensor:
    if q_BHX.device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        raise ValueError(
            f"decode_backend = 'split_kv': needs an NVIDIA GPU, the tensors lie on {q_BHX.device}; choose reference"
        )
    try:
        from model.split_kv import split_kv_attention
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"decode_backend = 'split_kv': needs the package {missing.name}, which torch's CUDA builds bring; "
            "install it or choose reference"
        ) from None
    mixed_BHC: Tensor = split_kv_attention(
        q_BHX.contiguous(), cache.columns(layer), cache.starts_B, cache.next_1, value_width
    )
    return mixed_BHC
