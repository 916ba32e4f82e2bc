"""Rotary position embedding on the narrow slice of query and key that carries position.

Weights store the pairs interleaved (values 0 and 1 turn together, then 2 and 3, ...), as Youtu's checkpoints and
llama.cpp's `NORM` rope do. Rotated vectors come out with first halves of all pairs in front: a permutation shared by
queries and keys, which leaves every score unchanged and saves interleaving them again.

Shapes: B rows, L tokens, H heads, R = qk_rope_head_dim, P = R / 2 pairs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from model.config import MLAConfig, Yarn


class Rotation(NamedTuple):
    """How all layers of one pass see position. cos and sin: of every pair's angle at every position, (B, L, P) in
    float32. score_scale: what products of query and key are multiplied by."""

    cos_BLP: Tensor
    sin_BLP: Tensor
    score_scale: float


def rotation(positions_BL: Tensor, config: MLAConfig) -> Rotation:
    """The rotation of these positions.

    Float32 whatever the model computes in: bfloat16 cannot tell neighbouring positions apart beyond a few hundred.
    """
    speeds_P = _speeds(config, positions_BL.device)
    angles_BLP = positions_BL[..., None].float() * speeds_P
    cos_BLP, sin_BLP = angles_BLP.cos(), angles_BLP.sin()
    if config.rope_scaling is not None:
        cos_BLP, sin_BLP = (x * config.rope_scaling.rotation_scale for x in (cos_BLP, sin_BLP))
    return Rotation(cos_BLP, sin_BLP, config.score_scale)


def _speeds(config: MLAConfig, device: torch.device) -> Tensor:
    """Radians a token of every pair: pair p turns by theta^(-2p/R) (RoFormer, arXiv 2104.09864, eq. 15)."""
    width = config.qk_rope_head_dim
    exponents_P = torch.arange(0, width, 2, dtype=torch.float32, device=device) / width
    speeds_P = 1.0 / config.rope_theta**exponents_P
    yarn = config.rope_scaling
    if yarn is None:
        return speeds_P
    first, last = (_pair_that_turns(turns, config, yarn) for turns in (yarn.beta_fast, yarn.beta_slow))
    # transformers and llama.cpp round outwards and clamp to the slice's width, not to its number of pairs.
    first, last = max(math.floor(first), 0), min(math.ceil(last), width - 1)
    pairs_P = torch.arange(width // 2, dtype=torch.float32, device=device)
    slowed_P = ((pairs_P - first) / max(last - first, 0.001)).clamp(0, 1)
    return speeds_P * (1 - slowed_P) + speeds_P / yarn.factor * slowed_P


def _pair_that_turns(turns: float, config: MLAConfig, yarn: Yarn) -> float:
    """Number of the pair, not rounded, that turns so many times within the original context (arXiv 2309.00071, 3.2)."""
    tokens_per_radian = yarn.original_max_position_embeddings / (turns * 2 * math.pi)
    return config.qk_rope_head_dim * math.log(tokens_per_radian) / (2 * math.log(config.rope_theta))


def rotate(x_BLHR: Tensor, cos_BLP: Tensor, sin_BLP: Tensor) -> Tensor:
    """Turn interleaved pairs of `x_BLHR` by their angles; the result has the pairs' first halves in front."""
    first_BLHP, second_BLHP = x_BLHR[..., 0::2], x_BLHR[..., 1::2]
    cos_BL1P, sin_BL1P = cos_BLP.unsqueeze(-2), sin_BLP.unsqueeze(-2)
    turned = torch.cat(
        (first_BLHP * cos_BL1P - second_BLHP * sin_BL1P, second_BLHP * cos_BL1P + first_BLHP * sin_BL1P), dim=-1
    )
    return turned.to(x_BLHR.dtype)
