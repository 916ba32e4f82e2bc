"""The Triton kernels of absorbed decoding, run by Triton's interpreter, against the two products they replace.

`test_split_kv.py` runs this file in a process of its own: triton decides between interpreter and GPU when it is first
imported, for all of a process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch.fx.experimental.proxy_tensor import make_fx

from model import MLAConfig, MLATransformer, generate
from model.cache import LatentCache
from model.decoding import absorbed_attention
from model.generate import prefill


def filled_cache(config: MLAConfig, lengths: list[int], new_tokens: int, dtype: torch.dtype, seed: int) -> LatentCache:
    """Random latents, with junk in every column that no row uses: a kernel that reads one is found out."""
    cache = LatentCache(config, torch.tensor(lengths), new_tokens, dtype)
    generator = torch.Generator().manual_seed(seed)
    for layer in range(config.num_hidden_layers):
        columns = cache.columns(layer)
        columns.copy_(torch.randn(columns.shape, generator=generator))
        for row, start in enumerate(cache.starts_B.tolist()):
            columns[row, :start] = 1e4
        columns[:, cache.length_tokens :] = 1e4
    return cache


def exact(q_BHX: torch.Tensor, cache: LatentCache, value_width: int) -> torch.Tensor:
    """The definition in float64, for the first layer."""
    stored_BTX = cache.stored(0).double()
    scores_BHT = q_BHX.double() @ stored_BTX.transpose(1, 2) + cache.bias_B1T.double()
    return scores_BHT.softmax(-1) @ stored_BTX[..., :value_width]


@given(
    lengths=st.lists(st.integers(1, 400), min_size=1, max_size=3),
    heads=st.sampled_from([1, 4, 16, 20]),
    widths=st.sampled_from([(16, 2), (64, 16), (20, 8), (128, 64)]),
    new_tokens=st.integers(1, 40),
    seed=st.integers(0, 99),
)
@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])  # shrinking takes minutes here
def test_it_is_the_definition_whatever_lengths_and_widths(
    tiny: MLAConfig, lengths: list[int], heads: int, widths: tuple[int, int], new_tokens: int, seed: int
) -> None:
    config = replace(
        tiny, num_hidden_layers=1, num_attention_heads=heads, kv_lora_rank=widths[0], qk_rope_head_dim=widths[1]
    )
    cache = filled_cache(config, lengths, new_tokens, torch.float32, seed)
    generator = torch.Generator().manual_seed(seed)
    cache.append(0, torch.randn(len(lengths), config.latent_width, generator=generator))
    q_BHX = torch.randn(len(lengths), heads, config.latent_width, generator=generator)
    found = absorbed_attention(q_BHX, cache, 0, config.kv_lora_rank, "split_kv")
    torch.testing.assert_close(found.double(), exact(q_BHX, cache, config.kv_lora_rank), rtol=0, atol=5e-5)


def test_the_published_shape_in_16_bits_rounds_no_worse_than_the_reference(tiny: MLAConfig) -> None:
    """Both against the same latents in float64. In float16: the interpreter multiplies bfloat16 as the integers that
    hold it."""
    config = replace(tiny, num_hidden_layers=1, num_attention_heads=16, kv_lora_rank=512, qk_rope_head_dim=64)
    cache = filled_cache(config, [300, 77], 8, torch.float16, 0)
    cache.append(0, torch.randn(2, 576, generator=torch.Generator().manual_seed(1)).half())
    q_BHX = (0.1 * torch.randn(2, 16, 576, generator=torch.Generator().manual_seed(2))).half()
    truth = exact(q_BHX, cache, 512)
    found, expected = (
        (absorbed_attention(q_BHX, cache, 0, 512, backend).double() - truth).abs().max()
        for backend in ("split_kv", "reference")
    )
    assert found <= 1.25 * expected


def test_generation_chooses_the_same_tokens(tiny: MLAConfig, build: Callable[..., MLATransformer]) -> None:
    """Rows of unequal length that end at different steps and leave the batch."""
    model = build(tiny, 3)
    prompts = [[5, 6, 7], list(range(3, 60)), [9], [40, 41] * 12]
    expected = generate(model, prompts, max_new_tokens=12, stop_ids=range(10, 20))
    model.decode_backend = "split_kv"
    assert generate(model, prompts, max_new_tokens=12, stop_ids=range(10, 20)) == expected
    assert len({len(row) for row in expected}) > 1


def test_a_recorded_step_serves_every_later_step(tiny: MLAConfig, build: Callable[..., MLATransformer]) -> None:
    """What a CUDA graph asks of a step: the same operations on the same shapes, whatever the cache's length. Here the
    operations are recorded with the values of one step and played back for the steps after it."""
    model = build(tiny, 4)
    model.decode_backend = "split_kv"
    ids_N, lengths_B = torch.arange(3, 43), torch.tensor([25, 15])
    tail = torch.randint(3, 97, (6, 2), generator=torch.Generator().manual_seed(0))
    caches = [LatentCache(tiny, lengths_B, len(tail), torch.float32) for _ in range(2)]
    with torch.no_grad():
        for cache in caches:
            prefill(model, ids_N, lengths_B, cache, 64)
        played, stepped = caches
        recorded = make_fx(lambda ids, positions: model.decode(ids, positions, played))(tail[0], lengths_B)
        played.truncate(25)
        for step, ids_B in enumerate(tail):
            expected = model.decode(ids_B, lengths_B + step, stepped)
            torch.testing.assert_close(recorded(ids_B, lengths_B + step), expected, rtol=0, atol=0)


def test_a_cpu_has_no_such_backend_and_an_unknown_one_is_named(
    tiny: MLAConfig, build: Callable[..., MLATransformer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRITON_INTERPRET")
    model = build(tiny)
    model.decode_backend = "split_kv"
    with pytest.raises(ValueError, match="decode_backend = 'split_kv': needs an NVIDIA GPU, the tensors lie on cpu"):
        generate(model, [[3]], max_new_tokens=2)
    with pytest.raises(ValueError, match="decode_backend = 'fast': choose one of"):
        MLATransformer(tiny, decode_backend="fast")  # type: ignore[arg-type]
