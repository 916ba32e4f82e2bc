"""Generation against the slow way round: the whole sequence through the model again for every token."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from model import MLAConfig, MLATransformer, generate
from model.cache import LatentCache
from model.generate import prefill
from model.sampling import Sampling


def again_from_the_start(model: MLATransformer, prompt: list[int], steps: int, stop_ids: set[int]) -> list[int]:
    ids = list(prompt)
    with torch.no_grad():
        while len(ids) < min(len(prompt) + steps, model.config.max_position_embeddings):
            ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
            if ids[-1] in stop_ids:
                break
    return ids[len(prompt) :]


def some_prompts(count: int, seed: int = 0, longest: int = 40) -> list[list[int]]:
    choose = random.Random(seed)
    return [[choose.randrange(3, 97) for _ in range(choose.randrange(1, longest))] for _ in range(count)]


def test_cached_decoding_gives_the_logits_of_the_whole_pass(
    tiny: MLAConfig, build: Callable[..., MLATransformer]
) -> None:
    model = build(tiny, 3)
    prompts = some_prompts(4)
    tail = torch.randint(3, 97, (6, 4), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([len(prompt) for prompt in prompts])
    cache = LatentCache(tiny, lengths, len(tail), torch.float32)
    flat = torch.tensor([token for prompt in prompts for token in prompt])
    with torch.no_grad():
        model.hidden(flat[None], document_ids_BL=cache.row_N[None], cache=cache)
        for step, token_B in enumerate(tail):
            logits_BV = model.decode(token_B, lengths + step, cache)
            for row, prompt in enumerate(prompts):
                whole = torch.tensor([prompt + tail[: step + 1, row].tolist()])
                torch.testing.assert_close(logits_BV[row], model(whole)[0, -1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("attention", ["padded", "reference"])
@given(chunk_tokens=st.integers(1, 60), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_prefill_in_chunks_is_prefill(
    tiny: MLAConfig, build: Callable[..., MLATransformer], attention: str, chunk_tokens: int, seed: int
) -> None:
    """Wherever the chunks cut: inside a prompt, between two, or past all of them."""
    model, prompts = build(tiny, 6, attention), some_prompts(3, seed, longest=25)
    ids_N = torch.tensor([token for prompt in prompts for token in prompt])
    lengths_B = torch.tensor([len(prompt) for prompt in prompts])
    caches = [LatentCache(tiny, lengths_B, 1, torch.float32) for _ in range(2)]
    with torch.no_grad():
        whole_BE = prefill(model, ids_N, lengths_B, caches[0], len(ids_N))
        cut_BE = prefill(model, ids_N, lengths_B, caches[1], chunk_tokens)
        torch.testing.assert_close(cut_BE, whole_BE, rtol=1e-4, atol=1e-4)
        after = [model.decode(ids_N[:3], lengths_B, cache) for cache in caches]
    torch.testing.assert_close(after[1], after[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_ragged_greedy_batch_equals_each_prompt_alone(
    tiny: MLAConfig, build: Callable[..., MLATransformer], seed: int
) -> None:
    """With stop ids that end rows at different steps, so that rows leave the batch."""
    model = build(tiny, seed)
    prompts = some_prompts(9, seed)
    stops = set(range(10, 20))
    found = generate(model, prompts, max_new_tokens=30, stop_ids=sorted(stops))
    assert found == [again_from_the_start(model, prompt, 30, stops) for prompt in prompts]
    assert len({len(row) for row in found}) > 2


def test_a_full_context_ends_a_row(tiny: MLAConfig, build: Callable[..., MLATransformer]) -> None:
    model = build(replace(tiny, max_position_embeddings=32))
    prompts = [[5] * 31, [6] * 20, [7]]
    found = generate(model, prompts, max_new_tokens=14)
    assert [len(row) for row in found] == [1, 12, 14]
    assert found == [again_from_the_start(model, prompt, 14, set()) for prompt in prompts]


def test_generation_stops_when_all_rows_have(tiny: MLAConfig, build: Callable[..., MLATransformer]) -> None:
    model = build(tiny)
    steps = 0
    decode = model.decode

    def counted(*args: Any) -> torch.Tensor:
        nonlocal steps
        steps += 1
        return decode(*args)

    model.decode = counted  # type: ignore[method-assign, assignment]
    found = generate(model, some_prompts(5), max_new_tokens=200, stop_ids=range(97))
    assert [len(row) for row in found] == [1] * 5 and steps == 0


@pytest.mark.parametrize(
    ("prompts", "options", "message"),
    [
        ([[3], []], {}, r"prompts\[1\] has 0 tokens"),
        ([[3] * 256], {}, r"prompts\[0\] has 256 tokens: must have 1 to 255"),
        ([[3, 97]], {}, "ids span 3 to 97; must lie in 0 to 96"),
        ([[3]], {"max_new_tokens": 0}, "max_new_tokens = 0"),
        ([[3]], {"temperature": -1.0}, "temperature = -1.0"),
        ([[3]], {"top_p": 0.0}, "top_p = 0.0"),
        ([[3]], {"top_k": -1}, "top_k = -1"),
        ([[3]], {"repetition_penalty": 0.0}, "repetition_penalty = 0.0"),
    ],
)
def test_unusable_input_is_named(
    tiny: MLAConfig, build: Callable[..., MLATransformer], prompts: list[list[int]], options: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        generate(build(tiny), prompts, **{"max_new_tokens": 4, **options})


def test_no_prompts_give_no_answers(tiny: MLAConfig, build: Callable[..., MLATransformer]) -> None:
    assert generate(build(tiny), [], max_new_tokens=4) == []


def test_sampling_depends_on_seed_and_row_alone(tiny: MLAConfig, build: Callable[..., MLATransformer]) -> None:
    model = build(tiny)
    prompts = some_prompts(6)
    options: dict[str, Any] = {
        "max_new_tokens": 20,
        "temperature": 1.0,
        "top_k": 20,
        "top_p": 0.95,
        "repetition_penalty": 1.05,
    }
    first = generate(model, prompts, seed=1, **options)
    assert generate(model, prompts, seed=1, **options) == first
    assert generate(model, prompts, seed=2, **options) != first
    # A stop id that ends some rows early changes no draw of the others.
    stop = first[0][3]
    for cut, whole in zip(generate(model, prompts, seed=1, stop_ids=[stop], **options), first, strict=True):
        assert cut == (whole[: whole.index(stop) + 1] if stop in whole else whole)


def test_greedy_with_a_penalty_follows_transformers(tiny: MLAConfig, build: Callable[..., MLATransformer]) -> None:
    model = build(tiny, 5)
    process = RepetitionPenaltyLogitsProcessor(1.7)
    for prompt, found in zip(
        some_prompts(4), generate(model, some_prompts(4), max_new_tokens=15, repetition_penalty=1.7), strict=True
    ):
        ids = torch.tensor([prompt])
        with torch.no_grad():
            for _ in range(15):
                ids = torch.cat((ids, process(ids, model(ids)[:, -1]).argmax(-1, keepdim=True)), dim=1)
        assert found == ids[0, len(prompt) :].tolist()


@given(
    seed=st.integers(0, 2**16),
    temperature=st.floats(0.3, 2.0),
    top_k=st.integers(0, 12),
    top_p=st.floats(0.05, 1.0),
)
@settings(max_examples=40, deadline=None)
def test_draws_follow_the_distribution_of_transformers(seed: int, temperature: float, top_k: int, top_p: float) -> None:
    """An even grid of draws hits every token as often as its probability says."""
    logits = 2 * torch.randn(1, 12, generator=torch.Generator().manual_seed(seed))
    warpers = LogitsProcessorList([TemperatureLogitsWarper(temperature)])
    if top_k:
        warpers.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        warpers.append(TopPLogitsWarper(top_p))
    expected = warpers(torch.LongTensor(), logits).softmax(-1)[0]
    draws = 2000
    grid = (torch.arange(draws) + 0.5) / draws
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    counts = Counter(sampling.choose(logits.expand(draws, -1), None, grid).tolist())
    for token, probability in enumerate(expected.tolist()):
        assert abs(counts[token] / draws - probability) <= 2 / draws, token


def test_the_smallest_and_largest_draws_stay_within_the_candidates() -> None:
    logits = torch.tensor([[0.0, 5.0, -torch.inf, 4.0]]).expand(2, -1)
    edges = torch.tensor([0.0, 1.0 - 2**-24])
    for options in ({}, {"top_k": 2}, {"top_p": 0.9}):
        assert set(Sampling(temperature=1.0, **options).choose(logits, None, edges).tolist()) <= {0, 1, 3}


@pytest.mark.parametrize("temperature", [0.0, 1.3])
def test_a_grammar_constrains_each_row_on_its_own(
    tiny: MLAConfig, build: Callable[..., MLATransformer], temperature: float
) -> None:
    """Prompt i may only alternate between i + 10 and i + 20; the last prompt is free."""
    model, prompts = build(tiny, 5), some_prompts(4)

    def permitted(prompt: int, new_ids: Sequence[int]) -> list[int] | None:
        return None if prompt == 3 else [prompt + 10 if len(new_ids) % 2 else prompt + 20]

    answers = generate(model, prompts, max_new_tokens=6, temperature=temperature, seed=1, permitted=permitted)
    assert answers[:3] == [[i + 20, i + 10] * 3 for i in range(3)]
    assert answers[3] == generate(model, prompts, max_new_tokens=6, temperature=temperature, seed=1)[3]
    with pytest.raises(ValueError, match=r"prompts\[0\]: no id is permitted"):
        generate(model, prompts, max_new_tokens=6, permitted=lambda prompt, new_ids: [])


def test_an_answer_ends_where_its_reader_says_it_is_complete(
    tiny: MLAConfig, build: Callable[..., MLATransformer]
) -> None:
    """As a stop string does: the reader decodes what there is so far. Rows end at their own places."""
    model, prompts = build(tiny, 5), some_prompts(5)
    whole = generate(model, prompts, max_new_tokens=12)
    marks = {tuple(answer[: 2 * number + 1]) for number, answer in enumerate(whole)}
    ended = generate(model, prompts, max_new_tokens=12, finished=lambda new_ids: tuple(new_ids) in marks)
    shortest = [
        next((answer[:end] for end in range(1, 13) if tuple(answer[:end]) in marks), answer) for answer in whole
    ]
    assert ended == shortest and len({len(answer) for answer in ended}) > 1
