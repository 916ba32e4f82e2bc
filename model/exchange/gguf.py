"""Export to GGUF, the file llama.cpp serves: architecture `deepseek2`, pre-tokenizer `youtu`.

llama.cpp decodes MLA in absorbed form, as one shared key-value head of the latent's width, so the expansion kv_b_proj
is stored split and per head: k_b transposed (heads, kv_lora_rank, qk_nope_head_dim) to carry queries into the latent,
v_b (heads, v_head_dim, kv_lora_rank) to carry results out of it. A dense model says that all its layers are "leading
dense" ones; the expert fields are required all the same. Files depend on their inputs alone, byte for byte.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import gguf
import numpy as np
import torch
from torch import Tensor

from model.attention import LATENT_NORM_EPS
from model.choice import choose
from model.config import MLAConfig, Yarn
from model.transformer import MLATransformer

GGUFDType = Literal["f32", "f16", "bf16", "q8_0"]
_QUANT_TYPES: dict[GGUFDType, tuple[gguf.GGMLQuantizationType, gguf.LlamaFileType]] = {
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "bf16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}
_Q8_BLOCK = 32  # values that share one scale; rows are cut into whole blocks
_MISREAD_LAYERS = (26, 27)  # llama.cpp takes deepseek2 models of these depths for DeepSeek-V2-Lite, without a q latent

_YARN_BETAS = (32.0, 1.0)


def export(
    model: MLATransformer, tokenizer_json: Path, chat_template: str, path: Path, dtype: GGUFDType, name: str
) -> None:
    """Write `path`. Matrices are stored as `dtype`, norms as float32.

    tokenizer_json: a byte-level BPE of Hugging Face tokenizers whose text is cut as Youtu's is. Its added tokens
    become control tokens where it marks them special, user-defined ones elsewhere. Raises ValueError for a tokenizer
    that does not fit the model and for a shape that llama.cpp or the type cannot hold.
    """
    _check(model.config, dtype)
    writer = gguf.GGUFWriter(None, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.DEEPSEEK2])
    _add_shape(writer, model.config, name, dtype)
    _add_tokenizer(writer, model.config, Path(tokenizer_json), chat_template)
    for tensor_name, tensor in _tensors(model):
        array = tensor.detach().float().cpu().numpy()
        stored = _QUANT_TYPES[dtype][0] if array.ndim > 1 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(tensor_name, gguf.quants.quantize(np.ascontiguousarray(array), stored), raw_dtype=stored)
    writer.write_header_to_file(path)
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _check(config: MLAConfig, dtype: GGUFDType) -> None:
    choose("dtype", dtype, GGUFDType)
    if config.num_hidden_layers in _MISREAD_LAYERS:
        raise ValueError(
            f"num_hidden_layers = {config.num_hidden_layers}: llama.cpp reads deepseek2 models of {_MISREAD_LAYERS} "
            "layers as DeepSeek-V2-Lite; use another depth"
        )
    if config.rms_norm_eps != LATENT_NORM_EPS:
        raise ValueError(
            f"rms_norm_eps = {config.rms_norm_eps}: llama.cpp has one epsilon for all norms, and the latents' is "
            f"{LATENT_NORM_EPS}; use that"
        )
    yarn = config.rope_scaling
    if yarn is not None and (yarn.mscale_all_dim is None or yarn.rotation_scale != 1):
        raise ValueError(
            f"rope_scaling.mscale = {yarn.mscale}, mscale_all_dim = {yarn.mscale_all_dim}, attention_factor = "
            f"{yarn.attention_factor}: llama.cpp sharpens whole scores in this architecture; set mscale and "
            "mscale_all_dim to one value and leave attention_factor out"
        )
    if yarn is not None and (yarn.beta_fast, yarn.beta_slow) != _YARN_BETAS:
        raise ValueError(
            f"rope_scaling.beta_fast = {yarn.beta_fast}, beta_slow = {yarn.beta_slow}: llama.cpp's server takes "
            f"{_YARN_BETAS} whatever the file says; use those"
        )
    if dtype == "q8_0":
        for field in ("hidden_size", "intermediate_size", "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim"):
            if getattr(config, field) % _Q8_BLOCK:
                raise ValueError(f"{field} = {getattr(config, field)}: q8_0 needs a multiple of {_Q8_BLOCK}; use f16")
        if config.num_attention_heads * config.v_head_dim % _Q8_BLOCK:
            raise ValueError(
                f"v_head_dim = {config.v_head_dim}: q8_0 needs num_attention_heads * v_head_dim to be a multiple of "
                f"{_Q8_BLOCK}; use f16"
            )


def _add_shape(writer: gguf.GGUFWriter, config: MLAConfig, name: str, dtype: GGUFDType) -> None:
    writer.add_name(name)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_file_type(_QUANT_TYPES[dtype][1])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_leading_dense_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_expert_feed_forward_length(config.intermediate_size)
    writer.add_expert_shared_count(0)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(1)
    writer.add_q_lora_rank(config.q_lora_rank)
    writer.add_kv_lora_rank(config.kv_lora_rank)
    writer.add_key_length(config.latent_width)
    writer.add_value_length(config.kv_lora_rank)
    writer.add_key_length_mla(config.qk_head_dim)
    writer.add_value_length_mla(config.v_head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.qk_rope_head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    if config.rope_scaling is not None:
        _add_yarn(writer, config.rope_scaling)


def _add_yarn(writer: gguf.GGUFWriter, yarn: Yarn) -> None:
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(yarn.factor)
    writer.add_rope_scaling_orig_ctx_len(yarn.original_max_position_embeddings)
    assert yarn.mscale_all_dim is not None, "_check has refused it"
    writer.add_rope_scaling_yarn_log_mul(0.1 * yarn.mscale_all_dim)  # llama.cpp divides by 0.1 again


def _add_tokenizer(writer: gguf.GGUFWriter, config: MLAConfig, tokenizer_json: Path, chat_template: str) -> None:
    tokens, types, merges = _read_tokenizer(tokenizer_json, config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("youtu")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(config.bos_token_id)
    writer.add_eos_token_id(config.eos_token_id)
    if config.pad_token_id is not None:
        writer.add_pad_token_id(config.pad_token_id)
    writer.add_add_bos_token(False)  # the chat template writes it
    writer.add_chat_template(chat_template)


def _read_tokenizer(path: Path, vocab_size: int) -> tuple[list[str], list[int], list[str]]:
    """Tokens in id order, their types, and merges as "left right"."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as a tokenizer ({error}); give a tokenizer.json") from None
    bpe = content.get("model", {})
    if bpe.get("type") != "BPE":
        raise ValueError(f"{path}: model.type = {bpe.get('type')!r}: must be 'BPE'; give a byte-level BPE tokenizer")
    names = {number: token for token, number in bpe["vocab"].items()}
    types = dict.fromkeys(names, int(gguf.TokenType.NORMAL))
    for added in content.get("added_tokens", ()):
        names[added["id"]] = added["content"]
        types[added["id"]] = int(gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED)
    if sorted(names) != list(range(vocab_size)):
        raise ValueError(
            f"{path}: holds {len(names)} tokens with ids up to {max(names)}, but vocab_size = {vocab_size}; give the "
            "tokenizer the model was trained with"
        )
    order = range(vocab_size)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in bpe["merges"]]
    return [names[number] for number in order], [types[number] for number in order], merges


def _tensors(model: MLATransformer) -> list[tuple[str, Tensor]]:
    """llama.cpp's name and our weight for every tensor, in file order."""
    config = model.config
    tensors = [("token_embd.weight", model.embed_tokens.weight), ("output_norm.weight", model.norm.weight)]
    for number, layer in enumerate(model.layers):
        weights = dict(layer.named_parameters())
        for ours, theirs in _LAYER_TENSORS.items():
            tensors.append((f"blk.{number}.{theirs}.weight", weights[f"{ours}.weight"]))
        kv_b_HXC = weights["self_attn.kv_b_proj.weight"].unflatten(0, (config.num_attention_heads, -1))
        k_b_HNC, v_b_HVC = kv_b_HXC.split((config.qk_nope_head_dim, config.v_head_dim), dim=1)
        tensors.append((f"blk.{number}.attn_k_b.weight", k_b_HNC.transpose(1, 2)))
        tensors.append((f"blk.{number}.attn_v_b.weight", v_b_HVC))
    assert all(torch.isfinite(tensor).all() for _, tensor in tensors), "a model with NaN must not be released"
    return tensors


_LAYER_TENSORS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_a_proj": "attn_q_a",
    "self_attn.q_a_layernorm": "attn_q_a_norm",
    "self_attn.q_b_proj": "attn_q_b",
    "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa",
    "self_attn.kv_a_layernorm": "attn_kv_a_norm",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
