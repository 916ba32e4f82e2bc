"""Where the parameters and the arithmetic of a model lie, from its shape alone.

One multiply-add counts as two operations. Attention is counted with MLA's true widths (scores over qk_head_dim, mixing
over v_head_dim), which the usual 6 · parameters leaves out: a quarter of the work at 8k tokens, most of it at 128k.
Norms, rotations, softmax and the optimiser are left out; together they stay below one percent at width 2048.
"""

from __future__ import annotations

from model.config import MLAConfig

BACKWARD_RATIO = 2  # each matrix product has two in the backward pass: for its input and for its weight


def parameters(config: MLAConfig) -> dict[str, int]:
    """Parameters by part; they sum to the model's count. The head is the embedding and counts once."""
    hidden, heads, layers = config.hidden_size, config.num_attention_heads, config.num_hidden_layers
    per_layer = {
        "q_a": hidden * config.q_lora_rank,
        "q_b": config.q_lora_rank * heads * config.qk_head_dim,
        "kv_a": hidden * config.latent_width,
        "kv_b": config.kv_lora_rank * heads * (config.qk_nope_head_dim + config.v_head_dim),
        "o": heads * config.v_head_dim * hidden,
        "mlp": 3 * hidden * config.intermediate_size,
        "norms": 2 * hidden + config.q_lora_rank + config.kv_lora_rank,
    }
    counts = {"embedding": config.vocab_size * hidden} | {part: layers * n for part, n in per_layer.items()}
    counts["norms"] += hidden
    return counts


def linear_flops_per_token(config: MLAConfig) -> int:
    """Operations of all matrices for one token, forward: two per parameter, the head included, look-ups not."""
    counts = parameters(config)
    return 2 * (sum(counts.values()) - counts["norms"])


def attention_flops_per_token(config: MLAConfig, context_tokens: float) -> float:
    """Operations of scores and mixing for one token that sees `context_tokens`, forward, in expanded form."""
    width = config.qk_head_dim + config.v_head_dim
    return 2.0 * config.num_hidden_layers * config.num_attention_heads * width * context_tokens


def forward_flops_per_token(config: MLAConfig, document_tokens: float) -> float:
    """Mean over a causal document of `document_tokens`: a token sees half of it."""
    return linear_flops_per_token(config) + attention_flops_per_token(config, document_tokens / 2)


def training_flops_per_token(config: MLAConfig, document_tokens: float) -> float:
    """Forward and backward, without recomputation. `document_tokens` is the mean over tokens, sum(n²) / sum(n)."""
    return (1 + BACKWARD_RATIO) * forward_flops_per_token(config, document_tokens)


def decode_flops_per_token(config: MLAConfig, cached_tokens: int) -> float:
    """One new token by absorbed attention: scores over the cached width, mixing over the latent."""
    heads, layers = config.num_attention_heads, config.num_hidden_layers
    absorbed = heads * (config.latent_width + config.kv_lora_rank) * (cached_tokens + 1)
    return linear_flops_per_token(config) + 2.0 * layers * absorbed


def cache_bytes_per_token(config: MLAConfig, value_bytes: int) -> int:
    """What one token keeps in the latent cache over all layers."""
    return config.num_hidden_layers * config.latent_width * value_bytes
