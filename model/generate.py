"""Batched generation: one expanded prefill over ragged prompts, then absorbed decoding from the latent cache.

Prompts are aligned at their last token, so every row of a step writes the same cache column; what stands before a
shorter prompt is padding that nothing attends to. Rows that end leave the batch as soon as they are half of it.

Legend: B rows still running, T cached tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from model.cache import LatentCache
from model.packing import PADDING_ID
from model.sampling import Sampling
from model.transformer import MLATransformer


@torch.inference_mode()
def generate(
    model: MLATransformer,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    stop_ids: Sequence[int] = (),
    temperature: float = 0.0,
    top_k: int = 0,
    top_p: float = 1.0,
    repetition_penalty: float = 1.0,
    seed: int = 0,
) -> list[list[int]]:
    """Continue every prompt; return the new tokens of each, a stop id included.

    A row ends at a stop id, after `max_new_tokens`, or when prompt and continuation fill max_position_embeddings.
    Draws depend on (seed, index of the prompt, step) alone. Raises ValueError for a prompt that is empty, too long or
    holds an unknown id, and for sampling options out of range.
    """
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, repetition_penalty=repetition_penalty)
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens = {max_new_tokens}: must be at least 1")
    if not prompts:
        return []
    device = model.head_weight.device
    ids_BL, lengths_B = _align(prompts, model)
    rows, row_tokens = ids_BL.shape
    budget_B = (model.config.max_position_embeddings - lengths_B).clamp(max=max_new_tokens)
    columns = torch.arange(row_tokens + int(budget_B.max()), device=device)
    starts_B = row_tokens - lengths_B
    padding_BT = columns < starts_B[:, None]
    bias_B1T = torch.zeros(padding_BT.shape, dtype=model.head_weight.dtype, device=device)
    bias_B1T = bias_B1T.masked_fill_(padding_BT, -torch.inf)[:, None]
    cache = LatentCache(model.config, rows, len(columns), dtype=model.head_weight.dtype, device=device)
    seen_BV = None
    if repetition_penalty != 1:
        seen_BV = torch.zeros(rows, model.config.vocab_size, dtype=torch.bool, device=device)
        # Padding repeats the prompt's own first token, so it marks nothing that the prompt does not.
        seen_BV.scatter_(1, ids_BL, True)

    document_ids_BL = torch.where(padding_BT[:, :row_tokens], PADDING_ID, 0)
    hidden_BLE = model.hidden(ids_BL, document_ids_BL=document_ids_BL, cache=cache)
    logits_BV = F.linear(hidden_BLE[:, -1], model.head_weight)
    del hidden_BLE

    generator = torch.Generator().manual_seed(seed)
    stops = torch.tensor(list(stop_ids), dtype=torch.long, device=device)
    new_ids = torch.empty(rows, int(budget_B.max()), dtype=torch.long, device=device)
    new_counts = budget_B.clone()
    running_B = torch.arange(rows, device=device)  # which prompt each row of the batch continues
    ended_B = torch.zeros(rows, dtype=torch.bool, device=device)
    for step in range(new_ids.shape[1]):
        uniform_B = torch.rand(rows, generator=generator).to(device)[running_B] if temperature else lengths_B
        next_B = sampling.choose(logits_BV, seen_BV, uniform_B)
        new_ids[running_B, step] = next_B
        stopped_B = torch.isin(next_B, stops) & ~ended_B
        new_counts[running_B[stopped_B]] = step + 1
        ended_B |= stopped_B | (budget_B == step + 1)
        left = int((~ended_B).sum())
        if left == 0:
            break
        if 2 * left <= len(running_B):
            kept = (~ended_B).nonzero().squeeze(-1)
            running_B, ended_B, next_B = running_B[kept], ended_B[kept], next_B[kept]
            budget_B, lengths_B, starts_B = budget_B[kept], lengths_B[kept], starts_B[kept]
            unused = int(starts_B.min())
            cache.keep(kept, unused)
            bias_B1T, starts_B = bias_B1T[kept, :, unused:], starts_B - unused
            seen_BV = None if seen_BV is None else seen_BV[kept]
        if seen_BV is not None:
            seen_BV.scatter_(1, next_B[:, None], True)
        logits_BV = model.decode(next_B, lengths_B + step, cache, bias_B1T[..., : cache.length_tokens + 1])
    return [row[:count] for row, count in zip(new_ids.tolist(), new_counts.tolist(), strict=True)]


def _align(prompts: Sequence[Sequence[int]], model: MLATransformer) -> tuple[Tensor, Tensor]:
    """Prompts aligned at their last token, and their lengths. Padding repeats a prompt's first token."""
    limit = model.config.max_position_embeddings
    for index, prompt in enumerate(prompts):
        if not 0 < len(prompt) < limit:
            raise ValueError(
                f"prompts[{index}] has {len(prompt)} tokens: must have 1 to {limit - 1}, which leaves room for an "
                "answer within max_position_embeddings"
            )
    longest = max(len(prompt) for prompt in prompts)
    device = model.head_weight.device
    ids_BL = torch.tensor([[prompt[0]] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    low, high = (int(bound) for bound in ids_BL.aminmax())
    if low < 0 or high >= model.config.vocab_size:
        raise ValueError(f"prompts: ids span {low} to {high}; must lie in 0 to {model.config.vocab_size - 1}")
    return ids_BL, torch.tensor([len(prompt) for prompt in prompts], device=device)
