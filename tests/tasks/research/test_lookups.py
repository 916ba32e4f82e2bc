"""The search tool over real facts, and look-ups that only an honest search can answer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.agent.environment import Split, TaskFamily
from components.agent.factbook import NO_RESULTS, SEARCH, Knowledge, spoken
from components.agent.messages import ToolCall
from components.core.errors import BadInput
from components.corpus.documents import Document, write_documents
from components.tasks.kit.splits import split_of
from components.tasks.research.facts import ASKED
from components.tasks.research.lookups import FieldFamily, SearchEnvironment

LOOKUPS = ("factbook_field", "factbook_compare")
_MAX_RESULT_WORDS = 40


def test_search_finds_the_fact(knowledge: Knowledge) -> None:
    for query in ("France capital", "capital of France", "What is the capital of France?", "FRANCE: Capital!"):
        assert knowledge.search(query).content.splitlines()[0] == "France, capital: Paris"
    assert knowledge.search("zzzz").content == NO_RESULTS


def test_search_ignores_accents_and_ranks_by_words() -> None:
    small = Knowledge({"Côte": {"capital": "Yam"}, "Aland": {"capital": "Côte"}, "Borland": {"currency": "crown"}})
    assert small.search("cote capital").content.splitlines()[0] == "Côte, capital: Yam"


@settings(max_examples=200, deadline=None)
@given(
    query=st.text(max_size=40) | st.sampled_from(('"', "a AND", "NEAR(", "x*", "capital:Paris", "' OR 1=1 --", "{c}:"))
)
def test_any_query_is_answered(knowledge: Knowledge, query: str) -> None:
    seen = knowledge.search(query)
    assert seen.status in ("ok", "error") and seen.content
    assert len(seen.content.splitlines()) <= 2


def test_results_are_short(knowledge: Knowledge) -> None:
    for country in knowledge.facts:
        assert len(knowledge.search(f"{country} capital").content.split()) <= _MAX_RESULT_WORDS


def test_results_are_the_same_every_time(knowledge: Knowledge) -> None:
    again = Knowledge(dict(reversed(knowledge.facts.items())))
    for country in list(knowledge.facts)[::9]:
        for query in (country, f"{country} population", "capital"):
            assert knowledge.search(query) == again.search(query)


def test_knowledge_needs_countries(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no \\*\\.jsonl\\.zst shard"):
        Knowledge.load(tmp_path)
    bare = Document(
        id="0", text="x", domain="encyclopedic", language="en", source="s", licence="l", path="p", metadata={}
    )
    write_documents(tmp_path, [bare])
    with pytest.raises(BadInput, match="no document names a country"):
        Knowledge.load(tmp_path)


def test_a_family_without_countries_says_so() -> None:
    with pytest.raises(BadInput, match="too few countries"):
        FieldFamily(Knowledge({})).sample(0, "train")


@pytest.mark.parametrize("name", LOOKUPS)
def test_held_out_countries_are_never_asked_in_training(families: dict[str, TaskFamily], name: str) -> None:
    def countries(split: Split) -> set[str]:
        payloads = [families[name].sample(seed, split).payload for seed in range(1000)]
        return {country for payload in payloads for country in payload["countries"]}

    train, held_out = countries("train"), countries("heldout")
    assert not train & held_out and len(train) > 50 and len(held_out) > 20
    assert all(split_of("country", country) == "heldout" for country in held_out)


def test_every_fact_asked_has_one_short_findable_value(families: dict[str, TaskFamily], knowledge: Knowledge) -> None:
    for seed in range(300):
        payload = families["factbook_field"].sample(seed, "train").payload
        (country,), asked, value = payload["countries"], payload["field"], payload["value"]
        assert asked in ASKED and len(value.split()) <= 4
        assert f"{country}, {spoken(asked)}: {value}" in knowledge.search(f"{country} {spoken(asked)}").content


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("Paris", True),
        ("paris.", True),
        ('"Paris"', True),
        ("It is Paris.", True),
        ("The capital of France is Paris.", True),
        ("", False),
        ("Lyon", False),
        ("Paris or Lyon", False),
        ("Paris-Nord", False),
        ("the the the the the the the the the the the the Paris", False),
    ],
)
def test_only_a_searched_answer_counts(knowledge: Knowledge, answer: str, right: bool) -> None:
    environment = SearchEnvironment(
        tools=(SEARCH,), knowledge=knowledge, value="Paris", evidence=("France, capital: Paris",)
    )
    assert not environment.verify(answer), "nothing was looked up"
    environment.execute(ToolCall(name="search", arguments={"query": "Fiji capital"}))
    assert not environment.verify(answer), "something else was looked up"
    environment.execute(ToolCall(name="search", arguments={"query": "France capital"}))
    assert environment.verify(answer) == right


@pytest.mark.parametrize("name", LOOKUPS)
def test_a_wrong_search_really_misses(families: dict[str, TaskFamily], name: str) -> None:
    family = families[name]
    for seed in range(100):
        task = family.sample(seed, "train")
        environment = family.start(task)
        assert isinstance(environment, SearchEnvironment)
        oracle = family.oracle(task, random.Random(seed), wrong_branch=True)
        wrong = next(oracle)
        assert wrong.label == "wrong" and wrong.call is not None
        seen = environment.execute(wrong.call)
        assert not set(environment.evidence[:1]) & set(seen.content.splitlines())
        recovery = oracle.send(seen)
        assert recovery.label == "recovery" and seen.content.splitlines()[0] in recovery.reflection


def test_compared_amounts_differ_and_the_larger_wins(families: dict[str, TaskFamily]) -> None:
    for seed in range(200):
        payload = families["factbook_compare"].sample(seed, "heldout").payload
        assert payload["value"] in payload["countries"] and len(set(payload["countries"])) == 2
