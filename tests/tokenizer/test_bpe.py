"""The merge learner against Hugging Face's BpeTrainer, and what continuing in stages promises."""

from __future__ import annotations

import itertools
import json
import sysconfig
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from components.tokenizer.bpe import MergeList, continue_merges
from components.tokenizer.pretokenizer import build_pre_tokenizer, byte_alphabet
from components.tokenizer.text import build_tokenizer
from components.tokenizer.train import DomainText, bytes_per_token, count_pieces


def learn(counts: Counter[str], vocab_size: int, known: MergeList | None = None, min_count: int = 2) -> MergeList:
    learned = known or MergeList(tokens=list(byte_alphabet()))
    continue_merges(learned, counts, vocab_size, min_count)
    return learned


def reference_merges(
    texts: list[str], vocab_size: int, pre_tokenizer: pre_tokenizers.PreTokenizer | None = None
) -> list[tuple[str, str]]:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer or build_pre_tokenizer()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab_size, initial_alphabet=list(byte_alphabet()), min_frequency=2, show_progress=False
        ),
    )
    return [tuple(merge) for merge in json.loads(tokenizer.to_str())["model"]["merges"]]


@pytest.fixture(scope="module")
def library_text() -> list[str]:
    """About 0.7 MB of Python source and documentation strings."""
    root = Path(sysconfig.get_paths()["stdlib"])
    return [path.read_text(encoding="utf-8") for path in sorted(root.glob("[a-d]*.py"))]


def test_one_stage_learns_the_merges_of_the_reference_trainer(library_text: list[str]) -> None:
    learned = learn(count_pieces(library_text), 1500)
    assert learned.merges == reference_merges(library_text, 1500)
    assert len(learned.tokens) == 1500


@settings(deadline=None, max_examples=150)
@given(st.lists(st.text(alphabet="ab ", min_size=1, max_size=60), min_size=1, max_size=6))
def test_runs_and_overlaps_compress_like_the_reference(texts: list[str]) -> None:
    """Few letters give runs such as "aaaa", where overlapping places and tokens built in two ways are common."""
    whole_words = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    counts = count_pieces(texts, whole_words)
    learned = learn(counts, 290)
    reference = MergeList(tokens=list(byte_alphabet()))
    for first, second in reference_merges(texts, 290, whole_words):
        reference.add(reference.ids[first], reference.ids[second])

    def tokens(merges: MergeList) -> int:
        model = models.BPE(vocab=dict(merges.ids), merges=merges.merges)
        return sum(count * len(model.tokenize(piece)) for piece, count in counts.items())

    assert tokens(learned) <= tokens(reference) * 1.01
    assert len(set(learned.merges)) == len(learned.merges)


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(st.text(alphabet="abc", min_size=1, max_size=12), st.integers(1, 9), min_size=1, max_size=8))
def test_every_merge_is_the_most_frequent_pair_of_its_moment(counts: dict[str, int]) -> None:
    """The incremental counts against a recount of everything before each merge."""
    learned = learn(Counter(counts), 275)
    pieces = {piece: list(piece) for piece in counts}
    ids = MergeList(tokens=list(byte_alphabet()))
    for first, second in learned.merges:
        pairs: Counter[tuple[str, str]] = Counter()
        for piece, symbols in pieces.items():
            for pair in itertools.pairwise(symbols):
                pairs[pair] += counts[piece]
        best = min(pairs, key=lambda pair: (-pairs[pair], ids.ids[pair[0]], ids.ids[pair[1]]))
        assert (first, second) == best
        ids.add(ids.ids[first], ids.ids[second])
        pieces = {piece: merge_symbols(symbols, first, second) for piece, symbols in pieces.items()}
    left_over = Counter(
        pair for piece, symbols in pieces.items() for pair in itertools.pairwise(symbols) for _ in range(counts[piece])
    )
    assert len(learned.tokens) == 275 or all(count < 2 for count in left_over.values())


def merge_symbols(symbols: list[str], first: str, second: str) -> list[str]:
    merged: list[str] = []
    position = 0
    while position < len(symbols):
        if symbols[position : position + 2] == [first, second]:
            merged.append(first + second)
            position += 2
        else:
            merged.append(symbols[position])
            position += 1
    return merged


def test_a_later_stage_keeps_the_earlier_merges_and_serves_its_own_text(library_text: list[str]) -> None:
    poems = [
        "床前明月光，疑是地上霜。举头望明月，低头思故乡。" * 3,
        "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。" * 3,
    ]
    chinese = count_pieces(poems)
    first = learn(count_pieces(library_text[:20]), 600)
    before = list(first.merges)
    alone = DomainText(pieces=chinese, size_bytes=sum(len(piece) * count for piece, count in chinese.items()))
    compression_before = bytes_per_token(alone, build_tokenizer(first))
    learn(chinese, 660, known=first)
    assert first.merges[: len(before)] == before
    assert len(first.tokens) == 660
    assert bytes_per_token(alone, build_tokenizer(first)) > 1.5 * compression_before


def test_learning_in_two_goes_on_the_same_text_equals_learning_at_once(library_text: list[str]) -> None:
    counts = count_pieces(library_text[:30])
    at_once = learn(counts, 900)
    in_two = learn(counts, 900, known=learn(counts, 500))
    assert in_two.merges == at_once.merges


def test_the_order_pieces_were_counted_in_does_not_matter(library_text: list[str]) -> None:
    counts = count_pieces(library_text[:10])
    backwards = Counter(dict(reversed(list(counts.items()))))
    assert learn(counts, 500).merges == learn(backwards, 500).merges


def test_text_without_frequent_pairs_ends_early() -> None:
    assert learn(Counter({"abc": 1, "xyz": 1}), 300).merges == []
