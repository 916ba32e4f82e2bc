"""Pages, their spans and hashes, and an index that one episode can add to without anybody noticing."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.agent.factbook import NO_RESULTS, SEARCH, Knowledge, spoken
from components.agent.messages import ToolCall
from components.tasks.research.corpus import RESULTS, Corpus
from components.tasks.research.environment import OPEN, ValueEnvironment
from components.tasks.research.pages import EDITION_YEAR, Page, section_of

_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)
_name = st.text("aAéß中 -'.,;:5", min_size=1, max_size=6)


def test_spans_and_hashes_are_those_of_the_text(knowledge: Knowledge) -> None:
    corpus = Corpus.of(knowledge)
    for page in corpus.pages.values():
        assert page.sha256 == hashlib.sha256(page.text.encode()).hexdigest()
        for passage in page.passages:
            span = passage.evidence
            assert (span.page, span.sha256) == (page.id, page.sha256)
            assert page.text[span.start : span.end] == passage.line == f"{spoken(passage.field)}: {passage.value}"
            assert passage.shown in page.render().splitlines()


def test_every_fact_stands_on_one_page(knowledge: Knowledge) -> None:
    corpus = Corpus.of(knowledge)
    found = {
        (page.country, passage.field, passage.value) for page in corpus.pages.values() for passage in page.passages
    }
    assert found == {
        (country, field, " ".join(value.split()))
        for country, values in knowledge.facts.items()
        for field, value in values.items()
    }
    assert all(page.section == section_of(field) for page in corpus.pages.values() for field, _ in page.facts)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(_name, st.dictionaries(_name, _text, min_size=1, max_size=3), max_size=4))
def test_any_facts_make_pages_that_open(facts: dict[str, dict[str, str]]) -> None:
    corpus = Corpus.of(Knowledge(facts))
    environment = ValueEnvironment(tools=(SEARCH, OPEN), corpus=corpus)
    for page in corpus.pages.values():
        seen = environment.execute(ToolCall(name="open", arguments={"page": page.id}))
        assert seen.status == "ok" and len(seen.content.split("\n")) == 1 + len(page.passages)
        assert all(page.text[p.evidence.start : p.evidence.end] == p.line for p in page.passages)
    assert len(corpus.pages) >= len(facts), "countries of one slug keep pages of their own"


def test_search_shows_the_best_passages_and_nothing_for_strange_words(knowledge: Knowledge) -> None:
    corpus = Corpus.of(knowledge)
    assert corpus.search("capital of France")[0].hit == "france/government: France, capital: Paris"
    assert all(len(corpus.search(f"{country} capital")) <= RESULTS for country in corpus.countries)
    environment = ValueEnvironment(tools=(SEARCH, OPEN), corpus=corpus)
    for query, status, message in (
        ("zzzz", "ok", NO_RESULTS),
        ("the of", "error", "no words"),
        ("", "error", "no words"),
    ):
        seen = environment.execute(ToolCall(name="search", arguments={"query": query}))
        assert seen.status == status and message in seen.content
    seen = environment.execute(ToolCall(name="open", arguments={"page": "x" * 500}))
    assert seen.status == "error" and len(seen.content) < 100
    assert not environment.read and not environment.opened


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40) | st.sampled_from(('"', "a AND", "NEAR(", "x*", "capital:Paris", "' OR 1=1 --", "{c}:")))
def test_any_query_and_any_page_id_is_answered(text: str) -> None:
    environment = ValueEnvironment(tools=(SEARCH, OPEN), corpus=Corpus.of(Knowledge({"Fiji": {"capital": "Suva"}})))
    for call in (
        ToolCall(name="search", arguments={"query": text}),
        ToolCall(name="open", arguments={"page": text}),
    ):
        assert environment.execute(call).content


def test_a_planted_page_is_seen_by_one_view_alone(knowledge: Knowledge) -> None:
    corpus = Corpus.of(knowledge)
    before = corpus.search("France population")
    stale = Page(
        id="france/people/2001",
        country="France",
        section="people",
        year=2001,
        facts=(("population", "59,000,000"),),
    )
    view = corpus.with_pages(stale)
    assert [passage.year for passage in view.passages("France", "population")] == [EDITION_YEAR, 2001]
    assert stale.passages[0] in view.search("France population")
    assert corpus.search("France population") == before and stale.id not in corpus.pages
    assert len(corpus.passages("France", "population")) == 1
    with pytest.raises(AssertionError, match="two pages"):
        view.with_pages(stale)
