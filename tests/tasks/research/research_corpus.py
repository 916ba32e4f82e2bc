"""Small corpora for property tests, and the draws of a family over the real one."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from components.agent.environment import Split
from components.agent.factbook import Knowledge
from components.core.seeding import named_rng
from components.tasks.research.corpus import Corpus
from components.tasks.research.family import ResearchFamily
from components.tasks.research.queries import Both, Count, Equals, Everywhere, Extreme, Named, Query, Read, Shares
from components.tasks.research.questions import Question

FAMILIES = (
    "research_chain",
    "research_intersection",
    "research_compare_set",
    "research_report",
    "research_unanswerable",
    "research_contradiction",
)
COUNTRIES = ("Ada", "Bor", "Cay", "Dun", "Elm")
FIELDS = ("capital", "language", "population")
_VALUES = {"capital": ("Yam", "Zed", "Oak"), "language": ("Ug", "Ig"), "population": ("1,000", "20", "300", "many")}

corpora = st.fixed_dictionaries(
    {},
    optional={
        country: st.fixed_dictionaries({}, optional={field: st.sampled_from(_VALUES[field]) for field in FIELDS})
        for country in COUNTRIES
    },
).map(lambda facts: Corpus.of(Knowledge(facts)))
_equals = st.sampled_from([Equals(field, value) for field in FIELDS for value in _VALUES[field]])
_given = st.lists(st.sampled_from(COUNTRIES), min_size=1, max_size=4, unique=True).map(
    lambda names: Named(tuple(names))
)
sets: st.SearchStrategy[Query] = st.recursive(
    _equals | _given | st.just(Everywhere()),
    lambda inner: (
        st.builds(Both, inner, inner)
        | st.builds(Shares, inner, st.sampled_from(FIELDS))
        | st.builds(Extreme, inner, st.just("population"), st.booleans())
    ),
    max_leaves=4,
)
queries: st.SearchStrategy[Query] = sets | st.builds(Read, sets, st.sampled_from(FIELDS)) | st.builds(Count, sets)


def accepted(family: ResearchFamily, split: Split, count: int) -> Iterator[tuple[Question, Corpus]]:
    """Questions that a family would ask, with the corpus they are asked over."""
    rng = named_rng("test draws", family.name, split)
    while count:
        question = family.draw(rng, split)
        if question is not None and family.judge(question) is None:
            count -= 1
            yield question, family.view(dict(question.facts))
