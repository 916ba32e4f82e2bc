"""Our model behind lm-eval: against direct log-likelihoods, and against transformers on a real task."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lm_eval.api.instance import Instance
from stage_workspace import inside

from components.core.errors import BadInput
from components.evaluation.bits_per_byte import model_bits, read_held_out
from components.evaluation.checkpoint import Checkpoint
from components.evaluation.lm_eval_adapter import TaskItem, TriviumLM, run_tasks
from components.evaluation.task_items import TASKS, available_tasks, check_tasks
from components.tokenizer import TextTokenizer

PAIRS = [
    ("The capital of France is", " Paris"),
    ("", "Geography: an island"),
    ("def add(a, b):\n    return ", "a + b"),
    ("trailing space ", "moves over"),
    ("import os " * 200, "import sys"),  # longer than the context: its beginning is lost
]


@pytest.fixture(scope="module")
def lm(checkpoint: Checkpoint, tokenizer: TextTokenizer) -> TriviumLM:
    return TriviumLM(checkpoint.model, tokenizer, context_tokens=checkpoint.context_tokens)


def _requests(kind: str, arguments: list[tuple[object, ...]]) -> list[Instance]:
    return [Instance(request_type=kind, doc={}, arguments=each, idx=0) for each in arguments]


def test_log_likelihoods_are_the_models_own(lm: TriviumLM, checkpoint: Checkpoint, tokenizer: TextTokenizer) -> None:
    found = lm.loglikelihood(_requests("loglikelihood", list(PAIRS)))
    for (context, continuation), (log_likelihood, greedy) in zip(PAIRS, found, strict=True):
        before = [tokenizer.bos_id, *tokenizer.encode(context.rstrip(" "))]
        whole = [tokenizer.bos_id, *tokenizer.encode(context + continuation)]
        ids = torch.tensor(whole[-checkpoint.context_tokens :])
        scored = len(whole) - len(before)
        with torch.no_grad():
            logs_LV = torch.log_softmax(checkpoint.model(ids[None])[0].double(), dim=1)
        places = torch.arange(len(ids) - scored - 1, len(ids) - 1)
        assert log_likelihood == pytest.approx(logs_LV[places, ids[-scored:]].sum().item(), abs=1e-3)
        assert greedy == bool((logs_LV[places].argmax(dim=1) == ids[-scored:]).all())


def test_answers_to_a_real_task_are_those_of_transformers(world: Path, lm: TriviumLM, tokenizer: TextTokenizer) -> None:
    """Prompts and options as lm-eval joins them, with transformers' own model and tokenizer over the exported files."""
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(world / "checkpoints/second")
    encode = transformers.PreTrainedTokenizerFast.from_pretrained(world / "artifacts/tokenizer").encode
    lines = (TASKS / "factbook_cloze.jsonl").read_text(encoding="utf-8").splitlines()[:12]
    answers = run_tasks(lm, ["factbook_cloze"], limit=12)
    assert len(answers) == 12
    for item, found in zip(map(json.loads, lines), answers, strict=True):
        expected = []
        for choice in item["choices"]:
            before = [tokenizer.bos_id, *encode(item["query"])]
            ids = torch.tensor([tokenizer.bos_id, *encode(f"{item['query']} {choice}")])
            with torch.no_grad():
                logs_LV = torch.log_softmax(model(ids[None]).logits[0].double(), dim=1)
            places = torch.arange(len(before) - 1, len(ids) - 1)
            expected.append(logs_LV[places, ids[len(before) :]].sum().item())
        assert found.log_likelihoods == pytest.approx(expected, abs=1e-3)
        assert (found.item, found.gold) == (item["id"], item["gold"])
        per_character = [value / len(choice) for value, choice in zip(expected, item["choices"], strict=True)]
        assert found.acc_norm == (int(np.argmax(per_character)) == item["gold"])


def test_rolling_log_likelihood_is_that_of_held_out_text(
    world: Path, lm: TriviumLM, checkpoint: Checkpoint, tokenizer: TextTokenizer
) -> None:
    documents = read_held_out(world / "data/curated/heldout", "code", tokenizer, 1500)
    text = tokenizer.decode(documents[0].ids[1:].tolist())
    (bits,) = model_bits(checkpoint.model, documents[:1], context_tokens=checkpoint.context_tokens)
    (found,) = lm.loglikelihood_rolling(_requests("loglikelihood_rolling", [(text,)]))
    assert found / np.log(2) == pytest.approx(-bits.sum(), rel=1e-5)


def test_generation_is_greedy_and_ends_where_asked(
    lm: TriviumLM, checkpoint: Checkpoint, tokenizer: TextTokenizer
) -> None:
    prompts = ["import", "The capital of", "x = "]
    plain = lm.generate_until(_requests("generate_until", [(prompt, {"max_gen_toks": 12}) for prompt in prompts]))
    for prompt, text in zip(prompts, plain, strict=True):
        ids = [tokenizer.bos_id, *tokenizer.encode(prompt)]
        new: list[int] = []
        while len(new) < 12 and tokenizer.eos_id not in new:
            with torch.no_grad():
                new.append(int(checkpoint.model(torch.tensor([ids + new]))[0, -1].argmax()))
        assert text == tokenizer.decode(new, skip_special=True)
    stop = plain[0][2]
    (cut,) = lm.generate_until(_requests("generate_until", [(prompts[0], {"until": [stop], "max_gen_toks": 12})]))
    assert cut == plain[0].split(stop)[0]


def test_every_bundled_task_runs_and_items_say_what_was_answered(lm: TriviumLM) -> None:
    tasks = available_tasks()
    assert len(tasks) >= 3
    items = run_tasks(lm, tasks, limit=5)
    assert [item.task for item in items] == [task for task in tasks for _ in range(5)]
    assert len({(item.task, item.item) for item in items}) == len(items)
    for item in items:
        assert len(item.log_likelihoods) == 4 and all(value < 0 for value in item.log_likelihoods)
        assert item.acc == (int(np.argmax(item.log_likelihoods)) == item.gold)
    assert items == run_tasks(lm, tasks, limit=5)


def test_tasks_run_from_any_directory_and_leave_nothing_there(lm: TriviumLM, tmp_path: Path) -> None:
    with inside(tmp_path):
        items = run_tasks(lm, ["arithmetic_cloze"], limit=3)
    assert all(isinstance(item, TaskItem) for item in items)
    assert not list(tmp_path.iterdir())


def test_an_unknown_task_is_named() -> None:
    with pytest.raises(BadInput, match=r"unknown task 'helaswag'; did you mean 'hellaswag_sample'"):
        check_tasks(("factbook_cloze", "helaswag"))
