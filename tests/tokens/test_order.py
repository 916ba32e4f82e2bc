"""The training order: a pure function of identity and index, exact shares, epochs without repeats."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import BadInput
from components.core.lineage import Manifest
from components.tokens import TokenDocument, TrainingOrder, pack, write_token_shards
from components.tokens.order import MixtureMap, build_sample, exact_shares

WriteTokens = Callable[..., Manifest]
ROWS = {"code": 230, "general": 50, "stem": 11}
MIXTURE = {"general": 0.35, "stem": 0.05, "code": 0.6}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory, write_tokens: WriteTokens) -> Path:
    path = tmp_path_factory.mktemp("order") / "tokens"
    write_tokens(path, ROWS)
    return path


@pytest.fixture(scope="module")
def order(directory: Path) -> TrainingOrder:
    return TrainingOrder([directory], MIXTURE, 12, seed=7)


def names(order: TrainingOrder, indices: range | list[int]) -> list[tuple[str, int]]:
    return [(sample.domain, sample.row) for sample in (order[index] for index in indices)]


@pytest.fixture(scope="module")
def first_samples(order: TrainingOrder) -> list[tuple[str, int]]:
    return names(order, range(1400))


@settings(deadline=None, max_examples=20)
@given(
    world_size=st.integers(1, 9),
    restart=st.integers(0, 1300),
    shuffle=st.randoms(use_true_random=False),
)
def test_ranks_restarts_and_access_order_do_not_matter(
    directory: Path, first_samples: list[tuple[str, int]], world_size: int, restart: int, shuffle: random.Random
) -> None:
    """A fresh process on any rank, started at any index, reads what one reader from the start would have read."""
    restarted = TrainingOrder([directory], dict(reversed(MIXTURE.items())), 12, seed=7)
    for rank in range(world_size):
        share = list(range(rank, 1400, world_size))
        part = [index for index in share if index >= restart][: 40 // world_size]
        shuffle.shuffle(part)
        assert names(restarted, part) == [first_samples[index] for index in part]


def test_a_sample_is_always_the_same_arrays(directory: Path, order: TrainingOrder) -> None:
    again = TrainingOrder([directory], MIXTURE, 12, seed=7)
    for index in (0, 3, 1000):
        for field in ("ids", "document_ids", "positions", "weights"):
            np.testing.assert_array_equal(getattr(order[index], field), getattr(again[index], field))


def test_every_row_of_a_domain_comes_once_an_epoch_in_a_new_order(first_samples: list[tuple[str, int]]) -> None:
    for domain, rows in ROWS.items():
        seen = [row for name, row in first_samples if name == domain]
        epochs = [tuple(seen[start : start + rows]) for start in range(0, len(seen) - rows + 1, rows)]
        assert len(epochs) >= 3
        assert all(sorted(epoch) == list(range(rows)) for epoch in epochs)
        assert len(set(epochs)) == len(epochs)


def test_rows_are_those_of_the_shards(order: TrainingOrder) -> None:
    for index in range(60):
        sample = order[index]
        number = sorted(ROWS).index(sample.domain) + 1
        assert {int(identity) // 10_000 for identity in sample.ids[sample.document_ids >= 0]} == {number}


def test_another_seed_gives_other_rows_in_the_same_mixture(
    directory: Path, first_samples: list[tuple[str, int]]
) -> None:
    other = names(TrainingOrder([directory], MIXTURE, 12, seed=8), range(100))
    assert other != first_samples[:100]
    assert [domain for domain, _ in other] == [domain for domain, _ in first_samples[:100]]


def test_shares_are_exact_in_every_window(first_samples: list[tuple[str, int]]) -> None:
    domains = [domain for domain, _ in first_samples]
    for start in range(0, len(domains), 20):
        assert Counter(domains[start : start + 20]) == {"code": 12, "general": 7, "stem": 1}


@given(st.lists(st.integers(1, 50), min_size=1, max_size=7), st.integers(0, 10**12))
def test_the_mixture_numbers_each_domain_without_gaps(weights: list[int], start_window: int) -> None:
    """Windows hold the exact counts; inside one, every domain keeps within a sample per domain of its share."""
    chosen = MixtureMap(tuple(weights))
    window, total = sum(weights), Counter[int]()
    for offset in range(window):
        domain, key = chosen[start_window * window + offset]
        assert key == start_window * weights[domain] + total[domain]
        total[domain] += 1
        for number, weight in enumerate(weights):
            assert abs(total[number] - (offset + 1) * weight / window) <= len(weights)
    assert [total[number] for number in range(len(weights))] == weights


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100), min_size=1).filter(lambda d: any(d.values())))
def test_shares_given_as_decimals_are_taken_exactly(hundredths: dict[str, int]) -> None:
    shares = exact_shares({domain: count / 100 for domain, count in hundredths.items()})
    total = sum(hundredths.values())
    assert list(shares) == sorted(domain for domain, count in hundredths.items() if count)
    assert all(shares[domain] * total == hundredths[domain] * sum(shares.values()) for domain in shares)


@settings(deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 9), st.booleans())
def test_a_sample_keeps_documents_apart(lengths: list[int], padding: int, weighted: bool) -> None:
    used = sum(lengths)
    ids = np.arange(1, used + padding + 1, dtype=np.uint32)
    stored = np.linspace(0.5, 2, used + padding).astype(np.float16) if weighted else None
    sample = build_sample(ids, np.cumsum(lengths).astype(np.int32), stored, domain="code", row=4)
    expected_ids: list[int] = []
    expected_positions: list[int] = []
    expected_weights: list[float] = []
    for number, length in enumerate(lengths):
        expected_ids += [number] * length
        expected_positions += list(range(length))
        start = len(expected_weights)
        expected_weights += [0.0] + [1.0 if stored is None else float(w) for w in stored_slice(stored, start, length)]
    assert sample.document_ids.tolist() == expected_ids + [-1] * padding
    assert sample.positions.tolist() == expected_positions + [0] * padding
    assert sample.weights.tolist() == expected_weights + [0.0] * padding
    assert sample.ids.tolist() == ids.tolist()
    assert (sample.ids.dtype, sample.document_ids.dtype, sample.positions.dtype, sample.weights.dtype) == (
        np.int64,
        np.int32,
        np.int64,
        np.float32,
    )
    # a target's weight counts only where the token before it belongs to the same document
    borders = sample.document_ids[1:] != sample.document_ids[:-1]
    assert not sample.weights[1:][borders].any()


def stored_slice(stored: np.ndarray | None, start: int, length: int) -> list[float]:
    return [1.0] * (length - 1) if stored is None else stored[start + 1 : start + length].tolist()


def test_weighted_trajectories_mix_with_uniform_text(tmp_path: Path, write_tokens: WriteTokens) -> None:
    write_tokens(tmp_path / "text", {"general": 4})
    ids = np.arange(12, dtype=np.uint32)
    weights = np.array([1, 0, 0.5, 2, 0, 0, 0, 0, 1, 1, 1, 1], dtype=np.float16)
    rows = pack([TokenDocument(ids=ids, weights=weights, cut_allowed=False)], 12).rows
    facts = {"tokenizer_sha256": "a" * 64, "vocab_size": 300}
    (tmp_path / "agent").mkdir()
    write_token_shards(tmp_path / "agent", {("agent", 12): rows}, shard_rows=4, producer="t", facts=facts)
    order = TrainingOrder([tmp_path / "text", tmp_path / "agent"], {"agent": 0.5, "general": 0.5}, 12, seed=1)
    by_domain = {order[index].domain: order[index] for index in range(2)}
    assert by_domain["agent"].weights.tolist() == [0, 0, 0.5, 2, 0, 0, 0, 0, 1, 1, 1, 1]
    text = by_domain["general"]
    assert text.weights.sum() == (text.positions[text.document_ids >= 0] > 0).sum()
    assert order.domain_rows == {"agent": 1, "general": 4}


def test_directories_of_different_tokenizers_are_refused(tmp_path: Path, write_tokens: WriteTokens) -> None:
    write_tokens(tmp_path / "text", {"general": 4})
    write_tokens(tmp_path / "agent", {"agent": 4}, tokenizer_sha256="b" * 64)
    with pytest.raises(BadInput, match=re.escape(f"{tmp_path / 'agent'}: tokenizer_sha256 = 'bbb")):
        TrainingOrder([tmp_path / "text", tmp_path / "agent"], {"agent": 0.5, "general": 0.5}, 12, seed=1)


def test_a_domain_or_length_without_rows_is_refused(directory: Path) -> None:
    with pytest.raises(BadInput, match=r"mixture\.agent: no rows of 12 tokens .*code/12"):
        TrainingOrder([directory], {"agent": 0.5, "code": 0.5}, 12, seed=1)
    with pytest.raises(BadInput, match=r"mixture\.code: no rows of 24 tokens"):
        TrainingOrder([directory], {"code": 1.0}, 24, seed=1)


def test_a_corrupt_shard_is_refused_before_the_first_sample(tmp_path: Path, write_tokens: WriteTokens) -> None:
    manifest = write_tokens(tmp_path, {"code": 20})
    shard = tmp_path / manifest.shards[-1].name
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(BadInput, match=re.escape(shard.name)):
        TrainingOrder([tmp_path], {"code": 1.0}, 12, seed=1)
