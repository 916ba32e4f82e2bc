"""The formal language answers as a plain loop over the facts does, and questions are what their proofs say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from research_corpus import COUNTRIES, FAMILIES, FIELDS, accepted, corpora, queries, sets

from components.agent.environment import Split
from components.agent.factbook import Knowledge
from components.tasks.kit.citations import contains
from components.tasks.research.corpus import Corpus
from components.tasks.research.facts import read_amount
from components.tasks.research.family import ResearchFamily
from components.tasks.research.pages import Page
from components.tasks.research.queries import (
    Both,
    Count,
    Equals,
    Everywhere,
    Extreme,
    Facts,
    Named,
    Query,
    Read,
    Shares,
)
from components.tasks.research.questions import Question, refusal, shortcut

Table = dict[str, dict[str, str]]


def by_hand(query: Query, table: Table) -> set[str]:
    """The answers, worked out from the bare table with no index."""
    match query:
        case Everywhere():
            return set(table)
        case Named(countries):
            return {country for country in countries if country in table}
        case Equals(field, value):
            return {country for country in table if table[country].get(field) == value}
        case Both(one, other):
            return by_hand(one, table) & by_hand(other, table)
        case Shares(of, field):
            inside = by_hand(of, table)
            return {
                other
                for other in table
                for country in inside - {other}
                if field in table[country] and table[other].get(field) == table[country][field]
            }
        case Extreme(of, field, highest):
            inside = by_hand(of, table)
            amounts = {country: read_amount(table[country].get(field, "")) for country in inside}
            known = [amount for amount in amounts.values() if amount is not None]
            if len(known) < len(inside) or not known:
                return set()
            best = max(known) if highest else min(known)
            return {country for country in inside if amounts[country] == best}
        case Read(of, field):
            return {table[country][field] for country in by_hand(of, table) if field in table[country]}
        case Facts(of):
            return {value for country in by_hand(of, table) for value in table[country].values()}
        case Count(of):
            return {str(len(by_hand(of, table)))}
    raise AssertionError(query)


def table_of(corpus: Corpus) -> Table:
    return {
        country: {field: found[0].value for field in FIELDS if (found := corpus.passages(country, field))}
        for country in corpus.countries
    }


@settings(max_examples=300, deadline=None)
@given(corpora, queries)
def test_answers_are_those_of_a_plain_loop(corpus: Corpus, query: Query) -> None:
    table = table_of(corpus)
    for asked in (query, *query.shorter()):
        assert asked.answers(corpus) == by_hand(asked, table)


@settings(max_examples=100, deadline=None)
@given(corpora, sets)
def test_no_hop_left_out_makes_a_set_smaller(corpus: Corpus, query: Query) -> None:
    """Conditions narrow, so a hop less can only widen; a superlative may move, and a chain from everywhere may not."""
    if isinstance(query, Equals | Named | Everywhere | Both) and "Extreme(" not in str(query):
        for shorter in query.shorter():
            assert query.answers(corpus) <= shorter.answers(corpus)


def test_every_hop_is_left_out_once() -> None:
    equals, named = Equals("language", "Ug"), Named(("Ada", "Bor"))
    chain = Read(Shares(Both(equals, named), "capital"), "population")
    assert list(chain.shorter()) == [
        Facts(Shares(Both(equals, named), "capital")),
        Read(Everywhere(), "population"),
        Read(Shares(Both(Everywhere(), named), "capital"), "population"),
    ]
    assert list(Count(Extreme(named, "population", False)).shorter()) == [Count(named)]
    assert list(Both(equals, equals).shorter()) == [Both(Everywhere(), equals), Both(equals, Everywhere())]
    assert not [*Everywhere().shorter(), *named.shorter(), *Facts(named).shorter()]


@settings(max_examples=200, deadline=None)
@given(corpora, queries, st.sampled_from(COUNTRIES))
def test_what_is_accepted_has_one_answer_and_needs_every_hop(corpus: Corpus, query: Query, country: str) -> None:
    question = Question(prompt="?", queries=((query, 1),), needed=(), searches=(), countries=(country,))
    reason = refusal(question, corpus)
    answers = by_hand(query, table_of(corpus))
    assert (reason == "another number of answers") == (len(answers) != 1)
    if reason not in ("another number of answers", "a hop is superfluous"):
        for shorter in query.shorter():
            left = by_hand(shorter, table_of(corpus))
            assert left != answers if isinstance(query, Count) else len(left) > 1


@pytest.mark.parametrize("split", ["train", "heldout"])
@pytest.mark.parametrize("name", FAMILIES)
def test_questions_of_the_families_hold_their_proofs(
    families: Mapping[str, ResearchFamily], name: str, split: Split
) -> None:
    for question, corpus in accepted(families[name], split, 25):
        table = {
            (country, passage.field, passage.value)
            for page in corpus.pages.values()
            for country in (page.country,)
            for passage in page.passages
        }
        for query, expected in question.queries:
            assert len(query.answers(corpus)) == expected
            assert all(
                len(left := shorter.answers(corpus)) > 1 or (isinstance(query, Count) and left != query.answers(corpus))
                for shorter in query.shorter()
            )
        assert {(passage.country, passage.field, passage.value) for passage in question.needed} <= table
        shown = corpus.search(question.prompt)
        assert not set(question.needed) <= set(shown)
        for word in (*question.hidden, *([question.answer] if question.answer else [])):
            assert not contains(question.prompt, word)
        if question.answer is not None:
            (query, _), *_ = question.queries
            assert query.answers(corpus) == {question.answer}
            assert not any(contains(passage.hit, question.answer) for passage in shown)


def small() -> tuple[Corpus, Question]:
    facts = {
        "Ada": {"capital": "Yam", "anthem": "Blue Hill"},
        "Bor": {"capital": "Zed", "anthem": "Red Field"},
        "Cay": {"capital": "Oak", "anthem": "Old Road"},
    }
    corpus = Corpus.of(Knowledge(facts))
    (anthem,), (capital,) = corpus.passages("Ada", "anthem"), corpus.passages("Ada", "capital")
    return corpus, Question(
        prompt="Blue Hill is whose anthem?",
        queries=((Read(Equals("anthem", "Blue Hill"), "capital"), 1),),
        needed=(anthem, capital),
        searches=(("anthem Blue Hill", (anthem,)),),
        countries=("Ada",),
        answer="Yam",
        hidden=("Ada",),
    )


def test_every_reason_to_refuse() -> None:
    corpus, question = small()
    assert refusal(question, corpus) is None
    changes: dict[str, Question] = {
        "another number of answers": replace(question, queries=((Read(Everywhere(), "capital"), 1),)),
        "a hop is superfluous": replace(question, queries=((Both(Equals("capital", "Yam"), Named(("Ada",))), 1),)),
        "the question gives it away": replace(question, prompt="What is the capital of Ada, with anthem Blue Hill?"),
        "one search shows the answer": replace(question, prompt="Which capital has Blue Hill: Zed, Oak or neither?"),
        "not to be found": replace(question, searches=(("anthem Red Field", question.needed),)),
    }
    assert {reason: refusal(changed, corpus) for reason, changed in changes.items()} == {name: name for name in changes}


def test_a_search_that_shows_all_that_is_needed_is_a_shortcut() -> None:
    corpus, question = small()
    assert not shortcut(question, corpus)
    assert shortcut(replace(question, answer=None, prompt="capital Yam, anthem Blue Hill"), corpus)
    assert shortcut(replace(question, prompt="anthem Blue Hill, capital Yam"), corpus)


def test_a_superlative_over_what_is_unknown_or_disputed_has_no_answer() -> None:
    corpus = Corpus.of(Knowledge({"Ada": {"population": "10"}, "Bor": {"population": "9"}, "Cay": {"capital": "Oak"}}))
    assert Extreme(Named(("Ada", "Bor")), "population", True).answers(corpus) == {"Ada"}
    assert Extreme(Named(("Ada", "Cay")), "population", True).answers(corpus) == frozenset()
    stale = Page(id="ada/people/1999", country="Ada", section="people", year=1999, facts=(("population", "8"),))
    assert Extreme(Named(("Ada", "Bor")), "population", True).answers(corpus.with_pages(stale)) == frozenset()
