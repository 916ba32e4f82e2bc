"""Success by phase: how often a checkpoint finds the text that really came next likelier than three that did not.

The questions are those of `phase_items`; a checkpoint answers with the option of the highest log-likelihood, end marker
included. Baselines that read no question say how much of a score could come from looks: always the same place, the
longest text, the way true texts of the family sound; one that only compares words says how much from copying.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.agent.environment import TaskFamily
from components.agent.template import encode_segments
from components.evaluation.ngram import NGramModel
from components.evaluation.phase_items import OPTIONS, PHASES, PhaseItem, build_items, words
from components.evaluation.scoring import Continuation, score_continuations
from components.evaluation.statistics import wilson
from components.tokenizer import TextTokenizer
from model import MLATransformer

BASELINES = ("place", "longest", "trigram", "copying")
_ORDER = 3


@dataclass(frozen=True, kw_only=True)
class PhaseAnswer:
    """One question about a phase and what the checkpoint, and each baseline, made of it."""

    stream: str
    family: str
    task: str
    phase: str
    turn: int
    gold: int
    options: tuple[str, ...]
    log_likelihoods: tuple[float, ...]  # nats, one per option
    acc: bool
    acc_norm: bool  # log-likelihoods per byte of the option
    longest: bool
    trigram: bool
    copying: bool


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


def phase_metrics(answers: Sequence[PhaseAnswer], confidence: float) -> dict[str, dict[str, dict[str, float | int]]]:
    """Figures by stream and phase: accuracy with Wilson's interval, the same less chance, and every baseline.

    `adjusted` is (acc - guessing) / (1 - guessing): 0 at chance, 1 when all is right.
    """
    found: dict[str, dict[str, dict[str, float | int]]] = {}
    for stream in dict.fromkeys(answer.stream for answer in answers):
        for phase in PHASES:
            members = [answer for answer in answers if (answer.stream, answer.phase) == (stream, phase)]
            if members:
                found.setdefault(stream, {})[phase] = _figures(members, confidence)
    return found


def all_phases(answers: Sequence[PhaseAnswer], confidence: float) -> dict[str, float | int]:
    """The same figures over all questions, the one place where the baselines rest on many."""
    return _figures(answers, confidence)


def _figures(members: Sequence[PhaseAnswer], confidence: float) -> dict[str, float | int]:
    accuracy = wilson(sum(answer.acc for answer in members), len(members), confidence)
    guessing = sum(1 / len(answer.options) for answer in members) / len(members)
    places = [sum(answer.gold == place for answer in members) for place in range(OPTIONS)]
    return {
        "acc": accuracy.estimate,
        "lo": accuracy.low,
        "hi": accuracy.high,
        "acc_norm": sum(answer.acc_norm for answer in members) / len(members),
        "adjusted": (accuracy.estimate - guessing) / (1 - guessing),
        "guessing": guessing,
        "items": len(members),
        "place": max(places) / len(members),
        **{name: sum(getattr(answer, name) for answer in members) / len(members) for name in BASELINES[1:]},
    }


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
