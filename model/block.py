"""One layer: attention, then a SwiGLU feed-forward (arXiv 2002.05202), each on a normalised input and added back."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from model.attention import MLAttention
from model.backends import AttentionBackend
from model.cache import LatentCache
from model.config import MLAConfig
from model.decoding import DecodeBackend
from model.norm import RMSNorm
from model.packing import Packing
from model.rope import Rotation


class SwiGLU(nn.Module):
    def __init__(self, config: MLAConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, config: MLAConfig, backend: AttentionBackend) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = MLAttention(config, backend)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = SwiGLU(config)

    def forward(
        self,
        x_BLE: Tensor,
        rotation: Rotation,
        packing: Packing | None,
        cache: LatentCache | None = None,
        layer: int = 0,
    ) -> Tensor:
        x_BLE = x_BLE + self.self_attn(self.input_layernorm(x_BLE), rotation, packing, cache, layer)
        return x_BLE + self.mlp(self.post_attention_layernorm(x_BLE))

    def decode(
        self, x_BE: Tensor, rotation: Rotation, cache: LatentCache, layer: int, backend: DecodeBackend
    ) -> Tensor:
        x_BE = x_BE + self.self_attn.decode(self.input_layernorm(x_BE), rotation, cache, layer, backend)
        return x_BE + self.mlp(self.post_attention_layernorm(x_BE))
