"""The bundled items: whole, well-formed, and reproducible where they are our own."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from components.evaluation.make_items import ITEMS_PER_TASK, OPTIONS, arithmetic_items
from components.evaluation.task_items import TASKS, available_tasks, read_texts


@pytest.mark.parametrize("task", available_tasks())
def test_items_are_well_formed(task: str) -> None:
    items = [json.loads(line) for line in (TASKS / f"{task}.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(items) == ITEMS_PER_TASK
    assert len({item["id"] for item in items}) == len({item["query"] for item in items}) == len(items)
    for item in items:
        assert len(set(item["choices"])) == OPTIONS and 0 <= item["gold"] < OPTIONS
        assert all(text == text.strip() and text for text in [item["query"], *item["choices"]])
    assert max(Counter(item["gold"] for item in items).values()) < 0.4 * len(items), "no letter wins by itself"


def test_arithmetic_items_are_right_and_reproducible() -> None:
    items = list(arithmetic_items())
    for item in items:
        expression = item["query"].removesuffix(" =")
        assert re.fullmatch(r"\d+ [-+*] \d+", expression)
        assert int(item["choices"][item["gold"]]) == eval(expression)
    committed = (TASKS / "arithmetic_cloze.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in committed] == items


def test_factbook_items_agree_with_the_starter_corpus() -> None:
    """Another route to the same facts: the fields that ingest reads out of the Factbook."""
    from components.corpus.documents import read_lines

    entries = [
        json.loads(line)["metadata"] for line in read_lines(TASKS.parents[1] / "corpus/starter/factbook.jsonl.zst")
    ]
    capitals = {entry["country"]: entry["fields"].get("capital", "") for entry in entries}
    checked = 0
    for line in (TASKS / "factbook_cloze.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        country = item["id"].partition("-")[2]
        if item["cluster"] == "capital" and capitals.get(country):
            assert item["choices"][item["gold"]] == capitals[country]
            checked += 1
    assert checked >= 40


def test_texts_hold_question_and_right_answer() -> None:
    found = dict(read_texts(["factbook_cloze"], 3))
    assert len(found) == 3
    assert all(re.fullmatch(r"The capital of .+ is [A-Z].+", text) for text in found.values())


def test_every_task_is_covered_by_the_notice() -> None:
    notice = (TASKS / "NOTICE").read_text(encoding="utf-8")
    assert all(f"{task}.jsonl" in notice for task in available_tasks())
