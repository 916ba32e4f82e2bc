"""How fast a named device could be at best, and what a training step holds in memory: bounds to measure against.

Rates are what a plain matrix product or a plain read reached on such a card, not the data sheet's figure.
"""

from __future__ import annotations

from dataclasses import dataclass

from model.config import MLAConfig
from model.flops import cache_bytes_per_token, parameters, training_flops_per_token
from model.recompute import Recompute

FLOAT32_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class Device:
    """matmul_flops: operations per second of a large bfloat16 product. read_bytes: bytes per second of a plain read.
    peak_flops: the data sheet's dense bfloat16 rate, which MFU divides by."""

    matmul_flops: float
    read_bytes: float
    peak_flops: float


DEVICES: dict[str, Device] = {
    "h100": Device(matmul_flops=798e12, read_bytes=3.0e12, peak_flops=989e12),
    "h200": Device(matmul_flops=798e12, read_bytes=4.3e12, peak_flops=989e12),
}


def training_tokens_per_s(config: MLAConfig, device: Device, document_tokens: float) -> float:
    """Upper bound: every operation at the rate of a large product. Causal attention counts half of the square."""
    return device.matmul_flops / training_flops_per_token(config, document_tokens)


def model_flops_utilisation(config: MLAConfig, device: Device, document_tokens: float, tokens_per_s: float) -> float:
    """MFU: useful operations per second over the data sheet's rate. Recomputation does not count as useful."""
    return tokens_per_s * training_flops_per_token(config, document_tokens) / device.peak_flops


def decode_tokens_per_s(config: MLAConfig, device: Device, cached_tokens: int, *, value_bytes: int = 2) -> float:
    """Upper bound for one row: each step reads all weights and the whole latent cache once."""
    weights_bytes = sum(parameters(config).values()) * value_bytes
    return device.read_bytes / (weights_bytes + cached_tokens * cache_bytes_per_token(config, value_bytes))


def optimizer_bytes(config: MLAConfig) -> int:
    """Float32 weights, gradients and states: Muon keeps one value per weight of a matrix, AdamW two of the others."""
    counts = parameters(config)
    by_adamw = counts["embedding"] + counts["norms"]
    by_muon = sum(counts.values()) - by_adamw
    return FLOAT32_BYTES * (3 * by_muon + 4 * by_adamw)


def activation_bytes_per_token(config: MLAConfig, recompute: Recompute, *, value_bytes: int = 2) -> int:
    """What all blocks keep for the backward pass, leaving out norms' scales and attention's sums.

    Raises ValueError for `nothing`: what autograd keeps then depends on how torch fuses, so measure it.
    """
    hidden, heads = config.hidden_size, config.num_attention_heads
    attention = heads * config.v_head_dim
    if recompute == "all_but_attention":
        kept = hidden + attention
    elif recompute == "pointwise":
        queries = config.q_lora_rank + heads * config.qk_head_dim
        keys = config.latent_width + heads * (config.qk_nope_head_dim + config.v_head_dim)
        kept = hidden + queries + keys + attention + 2 * hidden + 2 * config.intermediate_size
    else:
        raise ValueError(f"recompute = {recompute!r}: known for pointwise and all_but_attention only; measure it")
    return config.num_hidden_layers * kept * value_bytes
