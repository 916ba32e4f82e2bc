"""Asking a checkpoint about phases: which of four texts it finds likeliest after the beginning of a held-out episode.

The questions are those of `phase_items`; the answer is the option of the highest log-likelihood, end marker included.
The baselines answer beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from components.agent.environment import TaskFamily
from components.agent.template import encode_segments
from components.evaluation.ngram import NGramModel
from components.evaluation.phase_answers import PhaseAnswer
from components.evaluation.phase_items import OPTIONS, PhaseItem, build_items, words
from components.evaluation.scoring import Continuation, score_continuations
from components.tokenizer import TextTokenizer
from model import MLATransformer

_ORDER = 3  # of the baseline that only knows how true texts sound


def evaluate_phases(
    model: MLATransformer,
    tokenizer: TextTokenizer,
    families: Mapping[str, TaskFamily],
    *,
    items_per_phase: int,
    seed: int,
    on_family: Callable[[], None],
) -> list[PhaseAnswer]:
    """Ask every question that fits the model's context with its longest option; calls `on_family` after each family.

    A question too long for the context is left out, not cut: what the true text rests on may stand at its beginning.
    """
    by_record: dict[str, list[PhaseItem]] = {}
    for item in build_items(families, items_per_phase, seed):
        by_record.setdefault(item.task, []).append(item)
    answers: list[PhaseAnswer] = []
    for family in families:
        for items in by_record.values():
            if items[0].family == family:
                answers += answer_record(model, tokenizer, items)
        on_family()
    return answers


def answer_record(model: MLATransformer, tokenizer: TextTokenizer, items: Sequence[PhaseItem]) -> list[PhaseAnswer]:
    """Answer the questions about one record that fit the context; the record is read once for all of them."""
    asked: list[PhaseItem] = []
    texts: list[list[int]] = []
    continuations: list[Continuation] = []
    for item in items:
        prefix = [token for ids in encode_segments(tokenizer, item.prefix) for token in ids]
        options = [[*ids, tokenizer.special[item.closing.text]] for ids in tokenizer.encode_batch(list(item.options))]
        if len(prefix) + max(map(len, options)) <= model.config.max_position_embeddings:
            asked.append(item)
            texts.append(prefix)
            continuations += [Continuation(after=len(prefix), ids=np.array(ids)) for ids in options]
    if not asked:
        return []
    longest = max(texts, key=len)
    assert all(longest[: len(text)] == text for text in texts), "beginnings of one record"
    sums = [scores.sum() for scores in score_continuations(model, np.array(longest), continuations)]
    return [
        _answer(item, np.array(sums[OPTIONS * number :][:OPTIONS]), _sounds_true(tokenizer, item))
        for number, item in enumerate(asked)
    ]


def _answer(item: PhaseItem, likelihoods: np.ndarray, sounds: np.ndarray) -> PhaseAnswer:
    sizes_bytes = np.array([len(option.encode()) for option in item.options])
    before = set(words("".join(segment.text for segment in item.prefix)))
    copied = [_share_in(words(option), before) for option in item.options]
    return PhaseAnswer(
        stream=item.stream,
        family=item.family,
        task=item.task,
        phase=item.phase,
        turn=item.turn,
        gold=item.gold,
        options=item.options,
        log_likelihoods=tuple(float(value) for value in likelihoods),
        acc=int(np.argmax(likelihoods)) == item.gold,
        acc_norm=int(np.argmax(likelihoods / sizes_bytes)) == item.gold,
        longest=int(np.argmax(sizes_bytes)) == item.gold,
        trigram=int(np.argmax(sounds)) == item.gold,
        copying=int(np.argmax(copied)) == item.gold,
    )


def _share_in(found: Sequence[str], before: set[str]) -> float:
    return sum(word in before for word in found) / len(found) if found else 0.0


def _sounds_true(tokenizer: TextTokenizer, item: PhaseItem) -> np.ndarray:
    """Mean log2-probability (options,) of an option's tokens under a trigram model of the phase's true texts in the
    family's other tasks: what wording alone says."""
    encoded = tokenizer.encode_batch([*item.others, *item.options])
    texts = [np.array([tokenizer.bos_id, *ids]) for ids in encoded]
    known, options = texts[: len(item.others)], texts[len(item.others) :]
    model = NGramModel(known, order=_ORDER, vocab_size=tokenizer.vocab_size, bos_id=tokenizer.bos_id)
    return np.array([model.score(ids).mean() for ids in options])
