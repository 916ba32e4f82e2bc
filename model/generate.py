"""Batched generation: one expanded prefill over all prompts, then absorbed decoding from the latent cache.

Prefill packs the prompts into one row as documents, so unequal lengths cost no padding, and takes that row in chunks.
Rows that have ended leave the batch as soon as they are half of it.

Legend: B rows still running, N prompt tokens of all rows, V vocabulary, E hidden width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from model.cache import LatentCache
from model.graphed_decode import GraphedDecode
from model.sampling import Sampling
from model.transformer import MLATransformer

# Index of the prompt and its new ids so far: which ids may follow, None for all. How a grammar constrains an answer.
Permitted = Callable[[int, Sequence[int]], Sequence[int] | None]
# New ids so far, the last included: whether the answer is complete. How a stop string ends one.
Finished = Callable[[Sequence[int]], bool]


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
    prefill_tokens: int = 8192,
    permitted: Permitted | None = None,
    finished: Finished | None = None,
) -> list[list[int]]:
    """Continue every prompt; return the new tokens of each, a stop id included.

    A row ends at a stop id, when `finished` says so, after `max_new_tokens`, or when prompt and continuation fill
    max_position_embeddings. Draws depend on (seed, index of the prompt, step) alone. Raises ValueError for a prompt
    that is empty, too long or holds an unknown id, for sampling options out of range, and if `permitted` leaves no id.
    """
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p, repetition_penalty=repetition_penalty)
    if prefill_tokens < 1:
        raise ValueError(f"prefill_tokens = {prefill_tokens}: must be at least 1")
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens = {max_new_tokens}: must be at least 1")
    if not prompts:
        return []
    ids_N, lengths_B = _pack(prompts, model)
    rows, device = len(prompts), ids_N.device
    budget_B = (model.config.max_position_embeddings - lengths_B).clamp(max=max_new_tokens)
    cache = LatentCache(model.config, lengths_B, int(budget_B.max()), model.head_weight.dtype)
    seen_BV = None
    if repetition_penalty != 1:
        seen_BV = torch.zeros(rows, model.config.vocab_size, dtype=torch.bool, device=device)
        seen_BV[cache.row_N, ids_N] = True

    logits_BV = F.linear(prefill(model, ids_N, lengths_B, cache, prefill_tokens), model.head_weight)
    generator = torch.Generator().manual_seed(seed)
    stops = torch.tensor(list(stop_ids), dtype=torch.long, device=device)
    new_ids = torch.empty(rows, int(budget_B.max()), dtype=torch.long, device=device)
    new_counts = budget_B.clone()
    decode = decoder(model, cache, rows)
    running_B = torch.arange(rows, device=device)  # which prompt each row of the batch continues
    ended_B = torch.zeros(rows, dtype=torch.bool, device=device)
    for step in range(new_ids.shape[1]):
        uniform_B = torch.rand(rows, generator=generator).to(device)[running_B] if temperature else lengths_B
        if permitted is not None:
            for row in (~ended_B).nonzero().squeeze(-1).tolist():
                prompt = int(running_B[row])
                _restrict(logits_BV[row], permitted(prompt, new_ids[prompt, :step].tolist()), prompt)
        next_B = sampling.choose(logits_BV, seen_BV, uniform_B)
        new_ids[running_B, step] = next_B
        stopped_B = torch.isin(next_B, stops) & ~ended_B
        if finished is not None:
            for row in (~ended_B & ~stopped_B).nonzero().squeeze(-1).tolist():
                stopped_B[row] = finished(new_ids[running_B[row], : step + 1].tolist())
        new_counts[running_B[stopped_B]] = step + 1
        ended_B |= stopped_B | (budget_B == step + 1)
        left = int((~ended_B).sum())
        if left == 0:
            break
        if 2 * left <= len(running_B):
            kept = (~ended_B).nonzero().squeeze(-1)
            running_B, ended_B, next_B = running_B[kept], ended_B[kept], next_B[kept]
            budget_B, lengths_B = budget_B[kept], lengths_B[kept]
            cache.keep(kept)
            decode = decoder(model, cache, len(kept))
            seen_BV = None if seen_BV is None else seen_BV[kept]
        if seen_BV is not None:
            seen_BV.scatter_(1, next_B[:, None], True)
        logits_BV = decode(next_B, lengths_B + step)
    return [row[:count] for row, count in zip(new_ids.tolist(), new_counts.tolist(), strict=True)]


def decoder(model: MLATransformer, cache: LatentCache, rows: int) -> Callable[[Tensor, Tensor], Tensor]:
    """`model.decode` on this cache, recorded as a CUDA graph where the backend allows it."""
    if model.decode_backend == "split_kv" and model.head_weight.device.type == "cuda":
        return GraphedDecode(model, cache, rows)
    return partial(model.decode, cache=cache)


def prefill(model: MLATransformer, ids_N: Tensor, lengths_B: Tensor, cache: LatentCache, chunk_tokens: int) -> Tensor:
    """Take all prompts, one after another in `ids_N`, into the cache, `chunk_tokens` at a time; the hidden state of
    each prompt's last token, (B, E). What is held beside the cache grows with the chunk, not with the prompts."""
    last_B = lengths_B.cumsum(0) - 1
    found = []
    for start in range(0, len(ids_N), chunk_tokens):
        chunk = slice(start, start + chunk_tokens)
        ids_1n, row_1n = ids_N[None, chunk], cache.row_N[None, chunk]
        positions_1n = cache.positions(ids_1n.shape[1])[None]
        hidden_1nE = model.hidden(ids_1n, document_ids_BL=row_1n, positions_BL=positions_1n, cache=cache)
        ends_here = (last_B >= start) & (last_B < start + chunk_tokens)
        found.append(hidden_1nE[0, last_B[ends_here] - start])
    return torch.cat(found)


def _restrict(logits_V: Tensor, permitted: Sequence[int] | None, prompt: int) -> None:
    """Leave only the permitted ids' logits, in place."""
    if permitted is None:
        return
    if not permitted:
        raise ValueError(f"prompts[{prompt}]: no id is permitted; permit the end-of-turn id where an answer may end")
    ids = torch.tensor(permitted, device=logits_V.device)
    kept = logits_V[ids]
    logits_V.fill_(-torch.inf)[ids] = kept


def _pack(prompts: Sequence[Sequence[int]], model: MLATransformer) -> tuple[Tensor, Tensor]:
    """All prompts one after another, and the length of each."""
    limit = model.config.max_position_embeddings
    for index, prompt in enumerate(prompts):
        if not 0 < len(prompt) < limit:
            raise ValueError(
                f"prompts[{index}] has {len(prompt)} tokens: must have 1 to {limit - 1}, which leaves room for an "
                "answer within max_position_embeddings"
            )
    device = model.head_weight.device
    ids_N = torch.tensor([token for prompt in prompts for token in prompt], device=device)
    low, high = (int(bound) for bound in ids_N.aminmax())
    if low < 0 or high >= model.config.vocab_size:
        raise ValueError(f"prompts: ids span {low} to {high}; must lie in 0 to {model.config.vocab_size - 1}")
    return ids_N, torch.tensor([len(prompt) for prompt in prompts], device=device)
