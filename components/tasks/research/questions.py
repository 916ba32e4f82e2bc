"""What makes a question acceptable: proofs over the whole corpus, made before anybody is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from components.tasks.kit.citations import contains
from components.tasks.research.corpus import Corpus
from components.tasks.research.pages import Passage
from components.tasks.research.queries import Count, Query


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question that was drawn and not yet judged.

    `queries` are the formal questions with the number of answers each must have. `needed` are the passages an honest
    answer rests on. `answer` is the value to be found out, where the question does not list it among others; it must
    stand neither in the question nor in what one search of the question shows. `hidden` must not stand in the question:
    the countries on the way.
    `searches` are the queries that must bring back certain passages, else no searcher could get through. `countries`
    decide the split. `values` are the spellings of the right answer where it is a value. `facts` is plain JSON: what
    environment and player need beside.
    """

    prompt: str
    queries: tuple[tuple[Query, int], ...]
    needed: tuple[Passage, ...]
    searches: tuple[tuple[str, tuple[Passage, ...]], ...]
    countries: tuple[str, ...]
    answer: str | None = None
    values: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def refusal(question: Question, corpus: Corpus) -> str | None:
    """Why a question is not asked, in a few words, or None."""
    for query, expected in question.queries:
        if len(query.answers(corpus)) != expected:
            return "another number of answers"
        if any(not _leaves_open(shorter, query, corpus) for shorter in query.shorter()):
            return "a hop is superfluous"
    hidden = question.hidden if question.answer is None else (*question.hidden, question.answer)
    if any(contains(question.prompt, word) for word in hidden):
        return "the question gives it away"
    if shortcut(question, corpus):
        return "one search shows the answer"
    if any(not set(wanted) <= set(corpus.search(words)) for words, wanted in question.searches):
        return "not to be found"
    return None


def shortcut(question: Question, corpus: Corpus) -> bool:
    """Whether one search of the question's own text shows all that is needed, or the answer in whatever line."""
    shown = corpus.search(question.prompt)
    answer = question.answer
    return set(question.needed) <= set(shown) or (
        answer is not None and any(contains(passage.hit, answer) for passage in shown)
    )


def _leaves_open(shorter: Query, query: Query, corpus: Corpus) -> bool:
    """Without the hop there are several answers; a count, which always has one, becomes another number."""
    left = shorter.answers(corpus)
    return left != query.answers(corpus) if isinstance(query, Count) else len(left) > 1
