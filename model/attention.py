"""Multi-head latent attention (MLA): queries and key-values pass through low-rank latents, and only the key-value
latent and one shared rotated key are ever cached (DeepSeek-V2, arXiv 2405.04434, section 2.1).

Two equal ways to compute it. Training and prefill *expand* the latent to per-head keys and values. Decoding *absorbs*
the expansion into query and output, so that a step reads the narrow cache once and nothing is expanded.

Legend: B rows, L tokens, T cached tokens, H heads, D = qk_head_dim = N + R, N = qk_nope_head_dim,
R = qk_rope_head_dim, V = v_head_dim, C = kv_lora_rank.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.backends import AttentionBackend, attention, attention_after, check_backend
from model.cache import LatentCache
from model.config import MLAConfig
from model.decoding import DecodeBackend, absorbed_attention
from model.norm import RMSNorm
from model.packing import Packing
from model.rope import Rotation, rotate

LATENT_NORM_EPS = 1e-6  # transformers and the published model fix it, whatever rms_norm_eps says


class MLAttention(nn.Module):
    def __init__(self, config: MLAConfig, backend: AttentionBackend) -> None:
        super().__init__()
        self.config = config
        self.backend = check_backend(backend)
        heads, hidden = config.num_attention_heads, config.hidden_size
        self.q_a_proj = nn.Linear(hidden, config.q_lora_rank, bias=False)
        self.q_a_layernorm = RMSNorm(config.q_lora_rank, LATENT_NORM_EPS)
        self.q_b_proj = nn.Linear(config.q_lora_rank, heads * config.qk_head_dim, bias=False)
        self.kv_a_proj_with_mqa = nn.Linear(hidden, config.latent_width, bias=False)
        self.kv_a_layernorm = RMSNorm(config.kv_lora_rank, LATENT_NORM_EPS)
        kv_width = config.qk_nope_head_dim + config.v_head_dim
        self.kv_b_proj = nn.Linear(config.kv_lora_rank, heads * kv_width, bias=False)
        self.o_proj = nn.Linear(heads * config.v_head_dim, hidden, bias=False)

    def forward(
        self,
        x_BLE: Tensor,
        rotation: Rotation,
        packing: Packing | None,
        cache: LatentCache | None = None,
        layer: int = 0,
    ) -> Tensor:
        """Expanded attention over whole rows. With a cache, also store their latents as its prompts', and let the
        first document see what of it is stored already."""
        q_BLHD = torch.cat(self._queries(x_BLE, rotation), dim=-1)
        latent_BLC, k_BLR = self._latents(x_BLE, rotation)
        k_BLHD, v_BLHV = self._expand(latent_BLC, k_BLR)
        mixed_BLHV = attention(q_BLHD, k_BLHD, v_BLHV, packing, self.backend, rotation.score_scale)
        if cache is not None:
            past_TX = cache.past(layer)
            if past_TX is not None:
                first = slice(0, x_BLE.shape[1] if packing is None else packing.lengths[0])
                past_1TX = past_TX[None].to(latent_BLC.dtype).split((self.config.kv_lora_rank, k_BLR.shape[-1]), dim=-1)
                past_k_BTHD, past_v_BTHV = self._expand(*past_1TX)
                mixed_BLHV[:, first] = attention_after(
                    q_BLHD[:, first],
                    k_BLHD[:, first],
                    v_BLHV[:, first],
                    past_k_BTHD,
                    past_v_BTHV,
                    self.backend,
                    rotation.score_scale,
                )
            cache.fill(layer, torch.cat((latent_BLC, k_BLR), dim=-1).flatten(0, 1))
        return self.o_proj(mixed_BLHV.flatten(-2))

    def decode(
        self,
        x_BE: Tensor,
        rotation: Rotation,
        cache: LatentCache,
        layer: int,
        backend: DecodeBackend,
    ) -> Tensor:
        """Absorbed attention of one new token per row over the cache, in which it is stored first.

        With W_k and W_v the key and value parts of kv_b_proj, q·(W_k c) = (W_kᵀ q)·c, and W_v leaves the sum over
        tokens likewise.
        """
        config = self.config
        q_B1HN, q_B1HR = self._queries(x_BE[:, None], rotation)
        latent_B1C, k_B1R = self._latents(x_BE[:, None], rotation)
        cache.append(layer, torch.cat((latent_B1C, k_B1R), dim=-1)[:, 0])
        up_HXC = self.kv_b_proj.weight.unflatten(0, (config.num_attention_heads, -1))
        k_up_HNC, v_up_HVC = up_HXC.split((config.qk_nope_head_dim, config.v_head_dim), dim=1)
        q_BHC = torch.bmm(q_B1HN[:, 0].transpose(0, 1), k_up_HNC).transpose(0, 1)
        q_BHX = torch.cat((q_BHC, q_B1HR[:, 0]), dim=-1) * rotation.score_scale
        mixed_BHC = absorbed_attention(q_BHX, cache, layer, config.kv_lora_rank, backend)
        out_HBV = torch.bmm(mixed_BHC.transpose(0, 1), v_up_HVC.transpose(1, 2))
        return self.o_proj(out_HBV.transpose(0, 1).flatten(1))

    def _expand(self, latent_BLC: Tensor, k_BLR: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of every head."""
        kv_BLHX = self.kv_b_proj(latent_BLC).unflatten(-1, (self.config.num_attention_heads, -1))
        k_BLHN, v_BLHV = kv_BLHX.split((self.config.qk_nope_head_dim, self.config.v_head_dim), dim=-1)
        k_BLHR = k_BLR[:, :, None, :].expand(-1, -1, self.config.num_attention_heads, -1)
        return torch.cat((k_BLHN, k_BLHR), dim=-1), v_BLHV

    def _queries(self, x_BLE: Tensor, rotation: Rotation) -> tuple[Tensor, Tensor]:
        q_BLHD = self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x_BLE))).unflatten(-1, (-1, self.config.qk_head_dim))
        q_BLHN, q_BLHR = q_BLHD.split((self.config.qk_nope_head_dim, self.config.qk_rope_head_dim), dim=-1)
        return q_BLHN, rotate(q_BLHR, rotation.cos_BLP, rotation.sin_BLP)

    def _latents(self, x_BLE: Tensor, rotation: Rotation) -> tuple[Tensor, Tensor]:
        down_BLX = self.kv_a_proj_with_mqa(x_BLE)
        latent_BLC, k_BLR = down_BLX.split((self.config.kv_lora_rank, self.config.qk_rope_head_dim), dim=-1)
        return self.kv_a_layernorm(latent_BLC), rotate(k_BLR[:, :, None, :], rotation.cos_BLP, rotation.sin_BLP)[
            :, :, 0
        ]
