"""Triton kernels for absorbed decoding: the cached tokens of a row are split over the whole GPU, then merged.

One new token per row leaves a GPU idle if a row is one program: at 128k cached tokens the latents of one row are 150 MB
a layer, and one multiprocessor of 132 would read them all. So each program takes one stretch of one row and keeps a
running softmax over it (arXiv 2112.05682); a second kernel weighs the stretches by their sums of exponentials. All
heads share the latents, so a program reads a stretch once for sixteen heads.

Shapes and strides are fixed while the cache's length, read from the device, grows: a step can be recorded as a CUDA
graph. Runs on NVIDIA GPUs (compiled for them here, timed on none yet), and on a CPU under Triton's interpreter
(TRITON_INTERPRET=1), which is for tests.

Legend: B rows, H heads, T columns of the cache, X = C + R with C = kv_lora_rank and R = qk_rope_head_dim, S splits.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

HEAD_TILE = 16  # the least rows a matrix unit takes
COLUMN_TILE = 32  # with 8 warps the most that compiles for rank 512 on sm_90 without spilling registers
WARPS = 8
STAGES = 2
MERGE_TILE = 64
MAX_SPLITS = 128
LOG2_E = tl.constexpr(1.4426950408889634)


@torch.library.custom_op("trivium::split_kv_attention", mutates_args=())
def split_kv_attention(q_BHX: Tensor, kv_BTX: Tensor, starts_B: Tensor, newest_1: Tensor, value_width: int) -> Tensor:
    """Softmax-weighted sum of the first `value_width` values of each row's columns from its start to the newest, both
    included, (B, H, C).

    q_BHX is scaled already. starts_B (B,) and newest_1 (1,) are integers on the device.
    """
    rows, heads, _ = q_BHX.shape
    splits = _splits(rows, heads, kv_BTX.shape[1], q_BHX.device)
    head_tiles = triton.cdiv(heads, HEAD_TILE)
    rope_width = q_BHX.shape[2] - value_width
    assert q_BHX.stride(2) == kv_BTX.stride(2) == 1
    parts_BSHC = torch.empty(rows, splits, heads, value_width, dtype=torch.float32, device=q_BHX.device)
    sums_BSH = torch.empty(rows, splits, heads, dtype=torch.float32, device=q_BHX.device)
    mixed_BHC = torch.empty(rows, heads, value_width, dtype=q_BHX.dtype, device=q_BHX.device)
    _attend[(rows, splits, head_tiles)](
        q_BHX,
        kv_BTX,
        starts_B,
        newest_1,
        parts_BSHC,
        sums_BSH,
        q_BHX.stride(0),
        q_BHX.stride(1),
        kv_BTX.stride(0),
        kv_BTX.stride(1),
        heads,
        splits,
        C=value_width,
        R=rope_width,
        C_TILE=max(16, triton.next_power_of_2(value_width)),
        R_TILE=max(16, triton.next_power_of_2(rope_width)),
        H_TILE=HEAD_TILE,
        T_TILE=COLUMN_TILE,
        num_warps=WARPS,
        num_stages=STAGES,
    )
    _merge[(rows, heads, triton.cdiv(value_width, MERGE_TILE))](
        parts_BSHC,
        sums_BSH,
        mixed_BHC,
        heads,
        splits,
        C=value_width,
        C_TILE=MERGE_TILE,
        S_TILE=triton.next_power_of_2(splits),
        num_warps=4,
    )
    return mixed_BHC


@split_kv_attention.register_fake
def _(q_BHX: Tensor, kv_BTX: Tensor, starts_B: Tensor, newest_1: Tensor, value_width: int) -> Tensor:
    return q_BHX.new_empty(q_BHX.shape[0], q_BHX.shape[1], value_width)


def _splits(rows: int, heads: int, columns: int, device: torch.device) -> int:
    """One program for every multiprocessor, as long as each has a tile to read. The interpreter gets a few."""
    cores = torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 8
    wanted = cores // (rows * triton.cdiv(heads, HEAD_TILE))
    return max(1, min(wanted, triton.cdiv(columns, COLUMN_TILE), MAX_SPLITS))


@triton.jit
def _attend(  # type: ignore[no-untyped-def]  # pointers and integers, typed by Triton at the launch
    q_BHX,
    kv_BTX,
    starts_B,
    newest_1,
    parts_BSHC,
    sums_BSH,
    q_row_stride,
    q_head_stride,
    kv_row_stride,
    kv_column_stride,
    heads,
    splits,
    C: tl.constexpr,
    R: tl.constexpr,
    C_TILE: tl.constexpr,
    R_TILE: tl.constexpr,
    H_TILE: tl.constexpr,
    T_TILE: tl.constexpr,
):
    """One stretch of one row for H_TILE heads: its weighted mean, and the base-2 logarithm of its sum of weights."""
    row = tl.program_id(0).to(tl.int64)
    split = tl.program_id(1)
    start = tl.load(starts_B + row)
    end = tl.load(newest_1) + 1
    share = tl.cdiv(tl.cdiv(end - start, splits), T_TILE) * T_TILE
    first = start + split * share
    last = tl.minimum(first + share, end)

    h = tl.program_id(2) * H_TILE + tl.arange(0, H_TILE)
    c = tl.arange(0, C_TILE)
    r = tl.arange(0, R_TILE)
    is_head = h[:, None] < heads
    q = q_BHX + row * q_row_stride + h[:, None] * q_head_stride
    q_HC = tl.load(q + c[None, :], mask=is_head & (c[None, :] < C), other=0.0)
    q_HR = tl.load(q + C + r[None, :], mask=is_head & (r[None, :] < R), other=0.0)

    top_H = tl.full([H_TILE], float("-inf"), tl.float32)
    sum_H = tl.zeros([H_TILE], tl.float32)
    mixed_HC = tl.zeros([H_TILE, C_TILE], tl.float32)
    for column in range(first, last, T_TILE):
        t = column + tl.arange(0, T_TILE)
        is_column = t < last
        kv = kv_BTX + row * kv_row_stride + t[:, None] * kv_column_stride
        kv_TC = tl.load(kv + c[None, :], mask=is_column[:, None] & (c[None, :] < C), other=0.0)
        kv_TR = tl.load(kv + C + r[None, :], mask=is_column[:, None] & (r[None, :] < R), other=0.0)
        scores_HT = tl.dot(q_HC, tl.trans(kv_TC), input_precision="ieee")
        scores_HT = tl.dot(q_HR, tl.trans(kv_TR), scores_HT, input_precision="ieee") * LOG2_E
        scores_HT = tl.where(is_column[None, :], scores_HT, float("-inf"))
        new_top_H = tl.maximum(top_H, tl.max(scores_HT, 1))
        kept_H = tl.exp2(top_H - new_top_H)
        weights_HT = tl.exp2(scores_HT - new_top_H[:, None])
        sum_H = sum_H * kept_H + tl.sum(weights_HT, 1)
        mixed_HC = mixed_HC * kept_H[:, None]
        mixed_HC = tl.dot(weights_HT.to(kv_TC.dtype), kv_TC, mixed_HC, input_precision="ieee")
        top_H = new_top_H

    # A stretch past the row's end has seen nothing: its sum is 0 and its top -inf, which is weight 0 in the merge.
    sum_H = tl.where(sum_H > 0, sum_H, 1.0)
    mean_HC = mixed_HC / sum_H[:, None]
    out = (row * splits + split) * heads + h
    tl.store(parts_BSHC + out[:, None] * C + c[None, :], mean_HC, mask=is_head & (c[None, :] < C))
    tl.store(sums_BSH + out, top_H + tl.log2(sum_H), mask=h < heads)


@triton.jit
def _merge(  # type: ignore[no-untyped-def]  # pointers and integers, typed by Triton at the launch
    parts_BSHC,
    sums_BSH,
    mixed_BHC,
    heads,
    splits,
    C: tl.constexpr,
    C_TILE: tl.constexpr,
    S_TILE: tl.constexpr,
):
    """Mean of one head's stretches, each weighed by its share of the sum of exponentials."""
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    s = tl.arange(0, S_TILE)
    c = tl.program_id(2) * C_TILE + tl.arange(0, C_TILE)
    part = (row * splits + s) * heads + head
    sums_S = tl.load(sums_BSH + part, mask=s < splits, other=float("-inf"))
    weights_S = tl.exp2(sums_S - tl.max(sums_S, 0))
    weights_S = weights_S / tl.sum(weights_S, 0)
    is_value = (s[:, None] < splits) & (c[None, :] < C)
    parts_SC = tl.load(parts_BSHC + part[:, None] * C + c[None, :], mask=is_value, other=0.0)
    mixed_C = tl.sum(parts_SC * weights_S[:, None], 0)
    out = mixed_BHC + (row * heads + head) * C + c
    tl.store(out, mixed_C.to(mixed_BHC.dtype.element_ty), mask=c < C)
