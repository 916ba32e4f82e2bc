"""Our model behind lm-eval's interface, and the bundled tasks run through lm-eval's own evaluator.

`TriviumLM` answers the three requests lm-eval knows. Every text starts with the begin token, as in training; a text
longer than the trained context loses its beginning.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Set before lm-eval is imported: nothing here may look for the hub.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")  # lm-eval's bars; the stage reports progress itself

import numpy as np
from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.evaluator import evaluate
from lm_eval.tasks import TaskManager

from components.evaluation.scoring import score_rows, sliding_rows
from components.evaluation.task_items import TASKS
from components.tokenizer import TextTokenizer
from model import MLATransformer
from model.generate import generate

_GENERATE_ROWS = 32  # prompts decoded side by side


class TriviumLM(TemplateLM):
    """An lm-eval model over an `MLATransformer` and its tokenizer."""

    def __init__(
        self,
        model: MLATransformer,
        tokenizer: TextTokenizer,
        *,
        context_tokens: int,
    ) -> None:
        super().__init__()
        self._model = model
        self._text = tokenizer  # `tokenizer` is lm-eval's name for a Hugging Face one
        self._context_tokens = context_tokens

    @property
    def eot_token_id(self) -> int:
        return self._text.eos_id

    @property
    def prefix_token_id(self) -> int:
        return self._text.bos_id

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """Ids of `string` behind the begin token; without it where lm-eval asks for none."""
        begin = [] if add_special_tokens is False else [self._text.bos_id]
        return begin + self._text.encode(string)

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        return super().loglikelihood(requests, disable_tqdm=disable_tqdm)

    def _loglikelihood_tokens(
        self, requests: list[tuple[tuple[str, str], list[int], list[int]]], **kwargs: Any
    ) -> list[tuple[float, bool]]:
        """Natural log-probability of each continuation, and whether greedy decoding would give it."""
        return self._score(
            [(np.array([*context, *continuation]), len(context)) for _, context, continuation in requests]
        )

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = True) -> list[float]:
        """Natural log-probability of each whole text."""
        scored = self._score([(np.array(self.tok_encode(request.args[0])), 1) for request in requests])
        return [log_probability for log_probability, _ in scored]

    def _score(self, texts: Sequence[tuple[np.ndarray, int]]) -> list[tuple[float, bool]]:
        """Sum of log-probabilities of each text's tokens from the given one on, and whether all are the likeliest."""
        rows, owners = [], []
        for number, (ids, first_target) in enumerate(texts):
            cut = sliding_rows(
                ids,
                context_tokens=self._context_tokens,
                overlap_tokens=self._context_tokens // 4,
                first_target=first_target,
            )
            rows += cut
            owners += [number] * len(cut)
        totals, greedy = [0.0] * len(texts), [True] * len(texts)
        for owner, row in zip(owners, score_rows(self._model, rows), strict=True):
            totals[owner] += float(row.log_probabilities.sum())
            greedy[owner] &= bool(row.greedy.all())
        return list(zip(totals, greedy, strict=True))

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """Continue each prompt until one of its stop strings, the end of the text, or `max_gen_toks` (256) tokens."""
        answers: dict[int, str] = {}
        by_length = sorted(range(len(requests)), key=lambda index: (len(requests[index].args[0]), index))
        groups: dict[tuple[int, float], list[int]] = {}
        for index in by_length:
            wanted = requests[index].args[1]
            temperature = float(wanted.get("temperature", 0.0)) if wanted.get("do_sample") else 0.0
            groups.setdefault((int(wanted.get("max_gen_toks", 256)), temperature), []).append(index)
        for (new_tokens, temperature), members in groups.items():
            room = self._context_tokens - new_tokens
            assert room > 0, f"max_gen_toks = {new_tokens} leaves no room in a context of {self._context_tokens}"
            for start in range(0, len(members), _GENERATE_ROWS):
                batch = members[start : start + _GENERATE_ROWS]
                generated = generate(
                    self._model,
                    [self.tok_encode(requests[index].args[0])[-room:] for index in batch],
                    max_new_tokens=new_tokens,
                    stop_ids=(self._text.eos_id,),
                    temperature=temperature,
                )
                for index, ids in zip(batch, generated, strict=True):
                    text = self._text.decode(ids, skip_special=True)
                    answers[index] = _cut(text, requests[index].args[1].get("until", ()))
        return [answers[index] for index in range(len(requests))]


@dataclass(frozen=True, kw_only=True)
class TaskItem:
    """One multiple-choice question and what the model made of it."""

    task: str
    item: str
    cluster: str
    gold: int
    log_likelihoods: tuple[float, ...]  # nats, one per option
    acc: bool
    acc_norm: bool  # log-likelihoods per character of the option


def run_tasks(lm: TriviumLM, tasks: Sequence[str], *, limit: int) -> list[TaskItem]:
    """The first `limit` items of each bundled task, through lm-eval's evaluator, in the order of `tasks`.

    `evaluate` and not `simple_evaluate`: the latter adds the date, the commit and the machine to its result, which
    must not vary here, and takes seconds to ask for them.
    """
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    manager = TaskManager(include_path=str(TASKS), include_defaults=False)
    results = evaluate(lm, manager.load(list(tasks)), limit=limit, bootstrap_iters=0, log_samples=True)
    assert results is not None, "one process evaluates"
    return [
        TaskItem(
            task=task,
            item=sample["doc"]["id"],
            cluster=sample["doc"]["cluster"],
            gold=int(sample["target"]),
            log_likelihoods=tuple(float(answer[0]) for answer in sample["filtered_resps"]),
            acc=bool(sample["acc"]),
            acc_norm=bool(sample["acc_norm"]),
        )
        for task in tasks
        for sample in results["samples"][task]
    ]


def _cut(text: str, stops: str | Sequence[str]) -> str:
    """The text before the first of the stop strings."""
    ends = [text.find(stop) for stop in ([stops] if isinstance(stops, str) else stops) if stop]
    found = [end for end in ends if end >= 0]
    return text[: min(found)] if found else text
