"""`model` and `optimizer`: the shape, and how it is trained."""

from __future__ import annotations

from pydantic import Field

from components.core.params.section import Section


class ModelParams(Section):
    """Shape; names as in transformers' YoutuConfig."""

    hidden_size: int = Field(ge=8)
    intermediate_size: int = Field(ge=8)
    num_hidden_layers: int = Field(ge=1)
    num_attention_heads: int = Field(ge=1)
    q_lora_rank: int = Field(ge=1)
    kv_lora_rank: int = Field(ge=1)
    qk_nope_head_dim: int = Field(ge=1)
    qk_rope_head_dim: int = Field(ge=2, multiple_of=2)
    v_head_dim: int = Field(ge=1)
    max_position_embeddings: int = Field(ge=16)
    rope_theta: float = Field(gt=1)
    rms_norm_eps: float = Field(gt=0, lt=1e-2)


class OptimizerParams(Section):
    """Muon on the hidden matrices, AdamW on embeddings and norms."""

    muon_lr: float = Field(gt=0, lt=1)
    muon_momentum: float = Field(ge=0, lt=1)
    adamw_lr: float = Field(gt=0, lt=1)
    adamw_betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = Field(ge=0, lt=1)
    grad_clip: float = Field(gt=0)
