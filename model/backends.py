"""The one seam to attention kernels: `attention(q, k, v, packing, backend)` runs the backend that was named or raises.

| backend | runs on | documents of a packed batch | what it is |
|---|---|---|---|
| `padded` | CPU, NVIDIA | one call each | torch's flash kernel, values padded to the query width |
| `cudnn` | NVIDIA from capability 9.0 | one call each | cuDNN's kernel, which takes unequal widths |
| `flex` | NVIDIA; CPU without gradients | one block mask a batch | FlexAttention, compiled on a GPU |
| `reference` | everywhere | a boolean mask | the definition, in float32 or wider; quadratic memory |

torch itself would fall back to a slower kernel in silence where one does not apply. Here that is an error.

Legend: B rows, L tokens, H heads, D = qk_head_dim, V = v_head_dim. Where a prompt is
continued: T tokens before, S = T + L.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from model.choice import choose
from model.packing import Packing

AttentionBackend = Literal["padded", "cudnn", "flex", "reference"]
WHOLE_BATCH_BACKENDS: tuple[AttentionBackend, ...] = ("flex", "reference")  # one call, whatever documents a batch packs
_CUDNN_CAPABILITY = (9, 0)


def check_backend(name: str) -> AttentionBackend:
    """`name` as a backend. Raises ValueError if there is none of that name."""
    backend: AttentionBackend = choose("attention", name, AttentionBackend)
    return backend


def default_backend(device: torch.device) -> AttentionBackend:
    """What trains packed documents fastest there: their mask in one kernel on a GPU, a call for each on a CPU."""
    return "flex" if device.type == "cuda" else "padded"


def attention(
    q_BLHD: Tensor,
    k_BLHD: Tensor,
    v_BLHV: Tensor,
    packing: Packing | None,
    backend: AttentionBackend,
    scale: float,
) -> Tensor:
    """Causal attention inside each document of `packing`, or inside each row without one; (B, L, H, V).

    scale: what products of query and key are multiplied by before the softmax.

    Padding tokens get zeros. Raises ValueError if the device has no such backend, RuntimeError (torch's) if the
    kernel takes not this shape or type.
    """
    if backend == "reference":
        return _reference(q_BLHD, k_BLHD, v_BLHV, packing, scale)
    if backend == "flex":
        return _flex(q_BLHD, k_BLHD, v_BLHV, packing, scale)
    if backend == "cudnn":
        _require_cudnn(q_BLHD.device)
        return _by_document(partial(_cudnn, scale=scale), q_BLHD, k_BLHD, v_BLHV, packing)
    return _padded(q_BLHD, k_BLHD, v_BLHV, packing, scale)


def attention_after(
    q_BLHD: Tensor,
    k_BLHD: Tensor,
    v_BLHV: Tensor,
    past_k_BTHD: Tensor,
    past_v_BTHV: Tensor,
    backend: AttentionBackend,
    scale: float,
) -> Tensor:
    """Causal attention of L tokens that also see all T before them, (B, L, H, V). No gradients: for prefill in chunks.

    The two parts are computed apart, so that memory grows with neither's square nor product, and weighed by their sums
    of exponentials. `reference` writes all scores out.
    """
    if backend == "reference":
        tokens, past_tokens = q_BLHD.shape[1], past_k_BTHD.shape[1]
        seen_1LS = torch.ones(1, tokens, past_tokens + tokens, dtype=torch.bool, device=q_BLHD.device).tril(past_tokens)
        k_BSHD, v_BSHV = torch.cat((past_k_BTHD, k_BLHD), dim=1), torch.cat((past_v_BTHV, v_BLHV), dim=1)
        return _written_out(q_BLHD, k_BSHD, v_BSHV, seen_1LS, scale)
    q, k, v, past_k, past_v = (x.transpose(1, 2) for x in (q_BLHD, k_BLHD, v_BLHV, past_k_BTHD, past_v_BTHV))
    widen = (0, q.shape[-1] - v.shape[-1])
    own, own_log_sum = _flash_with_log_sum(q, k, F.pad(v, widen), scale, is_causal=True)
    past, past_log_sum = _flash_with_log_sum(q, past_k, F.pad(past_v, widen), scale, is_causal=False)
    share = torch.sigmoid(own_log_sum - past_log_sum)[..., None]
    mixed = past.float() + share * (own.float() - past.float())
    return mixed[..., : v.shape[-1]].to(v.dtype).transpose(1, 2)


def _flash_with_log_sum(q: Tensor, k: Tensor, v: Tensor, scale: float, *, is_causal: bool) -> tuple[Tensor, Tensor]:
    """Output and log-sum-exp of the flash kernel, which SDPA itself keeps to itself."""
    if q.device.type == "cuda":
        out, log_sum, *_ = torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, 0.0, is_causal, scale=scale)
    else:
        out, log_sum = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, is_causal, scale=scale)
    return out, log_sum


def _padded(q_BLHD: Tensor, k_BLHD: Tensor, v_BLHV: Tensor, packing: Packing | None, scale: float) -> Tensor:
    """The flash kernel refuses unequal widths, and the path torch takes instead is 1.6 to 3.8 times slower on a CPU."""
    v_width = v_BLHV.shape[-1]
    v_BLHD = F.pad(v_BLHV, (0, q_BLHD.shape[-1] - v_width))
    return _by_document(partial(_flash, scale=scale), q_BLHD, k_BLHD, v_BLHD, packing)[..., :v_width]


def _by_document(
    kernel: Callable[[Tensor, Tensor, Tensor], Tensor],
    q_BLHD: Tensor,
    k_BLHD: Tensor,
    v_BLHV: Tensor,
    packing: Packing | None,
) -> Tensor:
    """One causal call per document, so that work grows with the sum of squared document lengths: for eight documents
    in rows of 1024 tokens, forward and backward took 43 ms on one core against 115 ms with one boolean mask."""
    if packing is None:
        return kernel(q_BLHD, k_BLHD, v_BLHV)
    rows, row_tokens = q_BLHD.shape[:2]
    runs = zip(
        *(
            x.reshape(1, rows * row_tokens, *x.shape[2:]).split(packing.lengths, dim=1)
            for x in (q_BLHD, k_BLHD, v_BLHV)
        ),
        packing.real,
        strict=True,
    )
    mixed = [kernel(q, k, v) if real else torch.zeros_like(v) for q, k, v, real in runs]
    return torch.cat(mixed, dim=1).view(v_BLHV.shape)


def _flash(q_BLHD: Tensor, k_BLHD: Tensor, v_BLHD: Tensor, scale: float) -> Tensor:
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        return _causal(q_BLHD, k_BLHD, v_BLHD, scale)


def _cudnn(q_BLHD: Tensor, k_BLHD: Tensor, v_BLHV: Tensor, scale: float) -> Tensor:
    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
        return _causal(q_BLHD, k_BLHD, v_BLHV, scale)


def _causal(q_BLHD: Tensor, k_BLHD: Tensor, v_BLHV: Tensor, scale: float) -> Tensor:
    q, k, v = (x.transpose(1, 2) for x in (q_BLHD, k_BLHD, v_BLHV))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale).transpose(1, 2)


def _require_cudnn(device: torch.device) -> None:
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < _CUDNN_CAPABILITY:
        raise ValueError(
            f"attention = 'cudnn': needs an NVIDIA GPU of compute capability 9.0, the tensors lie on {device}; "
            "choose padded, flex or reference"
        )


def _flex(q_BLHD: Tensor, k_BLHD: Tensor, v_BLHV: Tensor, packing: Packing | None, scale: float) -> Tensor:
    q, k, v = (x.transpose(1, 2) for x in (q_BLHD, k_BLHD, v_BLHV))
    if packing is None:
        causal = _causal_mask(q.shape[2], q.device)
        alone_BHLV: Tensor = _flex_kernel(q.device.type)(q, k, v, block_mask=causal, scale=scale)
        return alone_BHLV.transpose(1, 2)
    mixed_BHLV: Tensor = _flex_kernel(q.device.type)(q, k, v, block_mask=packing.block_mask, scale=scale)
    # A padding token sees other padding of its row, since softmax over nothing is NaN; that result is dropped here.
    return mixed_BHLV.transpose(1, 2) * packing.real_BL[:, :, None, None]


@cache
def _flex_kernel(device: str) -> Any:
    """On a GPU compiled, once for the process: without that FlexAttention writes out all scores there too."""
    return torch.compile(flex_attention) if device == "cuda" else flex_attention


@lru_cache(maxsize=8)
def _causal_mask(row_tokens: int, device: torch.device) -> BlockMask:
    return create_block_mask(lambda b, h, i, j: i >= j, None, None, row_tokens, row_tokens, device=str(device))


def _reference(q_BLHD: Tensor, k_BLHD: Tensor, v_BLHV: Tensor, packing: Packing | None, scale: float) -> Tensor:
    row_tokens = q_BLHD.shape[1]
    if packing is not None:
        return _written_out(q_BLHD, k_BLHD, v_BLHV, packing.mask_BLL(), scale)
    seen_1LL = torch.ones(1, row_tokens, row_tokens, dtype=torch.bool, device=q_BLHD.device).tril()
    return _written_out(q_BLHD, k_BLHD, v_BLHV, seen_1LL, scale)


def _written_out(q_BLHD: Tensor, k_BSHD: Tensor, v_BSHV: Tensor, seen_BLS: Tensor, scale: float) -> Tensor:
    """The definition: softmax over the S keys a query may see. What tests trust."""
    hidden_B1LS = ~seen_BLS[:, None]
    scores_BHLS = torch.einsum("bihd,bjhd->bhij", q_BLHD, k_BSHD)
    scores_BHLS = scores_BHLS.to(torch.promote_types(scores_BHLS.dtype, torch.float32)) * scale
    # The lowest finite number instead of -inf: a padding token sees nothing, and softmax of only -inf is NaN.
    scores_BHLS = scores_BHLS.masked_fill(hidden_B1LS, torch.finfo(scores_BHLS.dtype).min)
    weights_BHLS = scores_BHLS.softmax(dim=-1).masked_fill(hidden_B1LS, 0.0)
    return torch.einsum("bhij,bjhv->bihv", weights_BHLS.to(v_BSHV.dtype), v_BSHV)
