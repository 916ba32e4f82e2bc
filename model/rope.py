"""Rotary position embedding on the narrow slice of query and key that carries position.

Weights store the pairs interleaved (values 0 and 1 turn together, then 2 and 3, ...), as Youtu's checkpoints and
llama.cpp's `NORM` rope do. Rotated vectors come out with first halves of all pairs in front: a permutation shared by
queries and keys, which leaves every score unchanged and saves interleaving them again.

Shapes: B rows, L tokens, H heads, R = qk_rope_head_dim, P = R / 2 pairs.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rotation(positions_BL: Tensor, rope_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every pair's angle at every position, (B, L, P) in float32.

    Pair p turns by position * theta^(-2p/R) radians (RoFormer, eq. 15). Float32 whatever the model computes in:
    bfloat16 cannot tell neighbouring positions apart beyond a few hundred.
    """
    exponents_P = torch.arange(0, rope_dim, 2, dtype=torch.float32, device=positions_BL.device) / rope_dim
    angles_BLP = positions_BL[..., None].float() * (1.0 / theta**exponents_P)
    return angles_BLP.cos(), angles_BLP.sin()


def rotate(x_BLHR: Tensor, cos_BLP: Tensor, sin_BLP: Tensor) -> Tensor:
    """Turn interleaved pairs of `x_BLHR` by their angles; the result has the pairs' first halves in front."""
    first_BLHP, second_BLHP = x_BLHR[..., 0::2], x_BLHR[..., 1::2]
    cos_BL1P, sin_BL1P = cos_BLP.unsqueeze(-2), sin_BLP.unsqueeze(-2)
    turned = torch.cat(
        (first_BLHP * cos_BL1P - second_BLHP * sin_BL1P, second_BLHP * cos_BL1P + first_BLHP * sin_BL1P), dim=-1
    )
    return turned.to(x_BLHR.dtype)
