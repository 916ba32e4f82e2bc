"""The shape of a dense MLA transformer, validated, and the shapes this project trains.

Field names are those of transformers' `YoutuConfig` wherever they mean the same, so a config.json reads alike on
both sides. A wrong field raises ValueError that names the field, its value and the remedy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Yarn:
    """YaRN (arXiv 2309.00071): a rope trained on a shorter context, stretched by `factor`.

    Pairs that turn more than `beta_fast` times within the original context keep their speed, those that turn less than
    `beta_slow` times are slowed by `factor`, and those between go from one to the other. Scores are sharpened in one of
    two places, as in transformers: on the rotated slice (`attention_factor`, else from `mscale` and `mscale_all_dim`)
    and, where `mscale_all_dim` is given, on the whole score.
    """

    factor: float
    original_max_position_embeddings: int
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    attention_factor: float | None = None
    mscale: float | None = None
    mscale_all_dim: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.factor) and self.factor >= 1):
            raise ValueError(f"rope_scaling.factor = {self.factor!r}: must be a finite number of at least 1")
        original = self.original_max_position_embeddings
        if type(original) is not int or original < 1:
            raise ValueError(
                f"rope_scaling.original_max_position_embeddings = {original!r}: must be a whole number of at least 1"
            )
        if not 0 < self.beta_slow < self.beta_fast < math.inf:
            raise ValueError(
                f"rope_scaling.beta_slow = {self.beta_slow!r}, beta_fast = {self.beta_fast!r}: must be above 0, the "
                "first below the second, such as 1.0 and 32.0"
            )
        for field in ("attention_factor", "mscale", "mscale_all_dim"):
            value = getattr(self, field)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"rope_scaling.{field} = {value!r}: must be a finite number above 0, or left out")

    @property
    def rotation_scale(self) -> float:
        """What cosine and sine are multiplied by."""
        if self.attention_factor is not None:
            return self.attention_factor
        if self.mscale is not None and self.mscale_all_dim is not None:
            return self._sharpening(self.mscale) / self._sharpening(self.mscale_all_dim)
        return self._sharpening(1.0)

    @property
    def score_scale(self) -> float:
        """What every score is multiplied by beside."""
        return 1.0 if self.mscale_all_dim is None else self._sharpening(self.mscale_all_dim) ** 2

    def _sharpening(self, weight: float) -> float:
        return 1.0 + 0.1 * weight * math.log(self.factor)


@dataclass(frozen=True, kw_only=True)
class MLAConfig:
    """Shape and constants of one model. Everything the forward pass depends on, and nothing else.

    Widths count values, not bytes. Every head has a query and key of `qk_nope_head_dim` values without position
    followed by `qk_rope_head_dim` values rotated by position, and a value of `v_head_dim`.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    q_lora_rank: int
    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int
    max_position_embeddings: int
    rope_theta: float
    rope_scaling: Yarn | None = None
    rms_norm_eps: float = 1e-6
    bos_token_id: int
    eos_token_id: int
    pad_token_id: int | None = None

    def __post_init__(self) -> None:
        for field in _SIZES:
            value = getattr(self, field)
            if type(value) is not int or value < 1:
                raise ValueError(f"{field} = {value!r}: must be a whole number of at least 1")
        if self.qk_rope_head_dim % 2:
            raise ValueError(f"qk_rope_head_dim = {self.qk_rope_head_dim}: must be even, since RoPE rotates pairs")
        if self.v_head_dim > self.qk_head_dim:
            raise ValueError(
                f"v_head_dim = {self.v_head_dim}: must not exceed qk_nope_head_dim + qk_rope_head_dim = "
                f"{self.qk_head_dim}; the flash kernel pads values up to the query width"
            )
        if not (math.isfinite(self.rope_theta) and self.rope_theta > 1):
            raise ValueError(f"rope_theta = {self.rope_theta!r}: must be a finite number above 1, such as 10000.0")
        if not 0 < self.rms_norm_eps < 1e-2:
            raise ValueError(f"rms_norm_eps = {self.rms_norm_eps!r}: must lie between 0 and 0.01, such as 1e-6")
        for field in ("bos_token_id", "eos_token_id", "pad_token_id"):
            value = getattr(self, field)
            if value is None and field == "pad_token_id":
                continue
            if type(value) is not int or not 0 <= value < self.vocab_size:
                raise ValueError(
                    f"{field} = {value!r}: must be a token id from 0 to vocab_size - 1 = {self.vocab_size - 1}"
                )

    @property
    def qk_head_dim(self) -> int:
        """Width of one head's query and key."""
        return self.qk_nope_head_dim + self.qk_rope_head_dim

    @property
    def score_scale(self) -> float:
        """What products of query and key are multiplied by: qk_head_dim^-0.5, and YaRN's part."""
        return self.qk_head_dim**-0.5 * (1.0 if self.rope_scaling is None else self.rope_scaling.score_scale)

    @property
    def latent_width(self) -> int:
        """Values cached per token and layer: the compressed key-value latent and the one shared rotated key."""
        return self.kv_lora_rank + self.qk_rope_head_dim


_SIZES = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "q_lora_rank",
    "kv_lora_rank",
    "qk_nope_head_dim",
    "qk_rope_head_dim",
    "v_head_dim",
    "max_position_embeddings",
)
