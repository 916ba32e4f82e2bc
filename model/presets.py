"""Named shapes, from one that trains in minutes on two cores to the 1.96B one of the Youtu-LLM report.

Token ids follow the project's tokenizer, whose vocabulary ends in 16 special tokens, BOS, EOS and PAD first; for
`youtu_2b` they are the published model's.
"""

from __future__ import annotations

from model.config import MLAConfig

PRESETS: dict[str, MLAConfig] = {
    # 2.4M parameters: the shape of presets/nano.yaml.
    "nano": MLAConfig(
        vocab_size=4096,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        q_lora_rank=128,
        kv_lora_rank=64,
        qk_nope_head_dim=32,
        qk_rope_head_dim=16,
        v_head_dim=32,
        max_position_embeddings=2048,
        rope_theta=10_000.0,
        bos_token_id=4_080,
        eos_token_id=4_081,
        pad_token_id=4_082,
    ),
    # 41.7M: hours on a small GPU.
    "micro": MLAConfig(
        vocab_size=16_384,
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=10,
        num_attention_heads=8,
        q_lora_rank=384,
        kv_lora_rank=128,
        qk_nope_head_dim=64,
        qk_rope_head_dim=32,
        v_head_dim=64,
        max_position_embeddings=8192,
        rope_theta=10_000.0,
        bos_token_id=16_368,
        eos_token_id=16_369,
        pad_token_id=16_370,
    ),
    # 353M: a day on one large GPU.
    "small": MLAConfig(
        vocab_size=32_768,
        hidden_size=1024,
        intermediate_size=3072,
        num_hidden_layers=24,
        num_attention_heads=8,
        q_lora_rank=768,
        kv_lora_rank=256,
        qk_nope_head_dim=128,
        qk_rope_head_dim=64,
        v_head_dim=128,
        max_position_embeddings=32_768,
        rope_theta=100_000.0,
        bos_token_id=32_752,
        eos_token_id=32_753,
        pad_token_id=32_754,
    ),
    # 1,961,560,064: the published shape.
    "youtu_2b": MLAConfig(
        vocab_size=128_256,
        hidden_size=2048,
        intermediate_size=6144,
        num_hidden_layers=32,
        num_attention_heads=16,
        q_lora_rank=1536,
        kv_lora_rank=512,
        qk_nope_head_dim=128,
        qk_rope_head_dim=64,
        v_head_dim=128,
        max_position_embeddings=131_072,
        rope_theta=1_600_000.0,
        bos_token_id=128_000,
        eos_token_id=128_001,
    ),
}
