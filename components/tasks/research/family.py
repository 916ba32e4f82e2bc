"""What the families of deep research share: drawing questions until one is acceptable, and playing its searches."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from components.agent.environment import End, Environment, Split, Task, make_task
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.kit.family import Family
from components.tasks.kit.splits import split_of
from components.tasks.research.corpus import Corpus
from components.tasks.research.environment import ValueEnvironment, offer_research
from components.tasks.research.facts import countries_by_split, is_short, too_few_countries
from components.tasks.research.pages import Evidence, Passage
from components.tasks.research.questions import Question, refusal
from components.tasks.research.searcher import Searcher

# Most draws end before any search. Of the whole Factbook one draw in fifty is good in the leanest family.
_MAX_DRAWS = 5000


class ResearchFamily(Family):
    """Draws questions over one corpus. An answer is right that is one of the question's `values`,
    unless a family starts another environment."""

    domain: Stream = "research"
    right_end: End = "success"

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.countries = countries_by_split(corpus.countries)

    @abstractmethod
    def draw(self, rng: random.Random, split: Split) -> Question | None:
        """A question that may be good, or None where the draw led nowhere. Its countries belong to the split."""

    def view(self, facts: dict[str, Any]) -> Corpus:
        """The corpus as one episode sees it."""
        return self.corpus

    def judge(self, question: Question | None) -> str | None:
        """Why a draw is not asked, or None."""
        return "nothing drawn" if question is None else refusal(question, self.view(dict(question.facts)))

    def sample(self, seed: int, split: Split) -> Task:
        """Raises BadInput where the corpus has no question for the split."""
        rng = named_rng(self.name, split, seed)
        for _ in range(_MAX_DRAWS if self.countries[split] else 0):
            question = self.draw(rng, split)
            if question is not None and self.judge(question) is None:
                return self._task(rng, seed, split, question)
        raise too_few_countries(self.name, split)

    def _task(self, rng: random.Random, seed: int, split: Split, question: Question) -> Task:
        assert all(split_of("country", country) == split for country in question.countries)
        return make_task(
            self,
            seed,
            split,
            prompt=question.prompt,
            tools=offer_research(rng),
            payload={
                "countries": list(question.countries),
                "needed": _dump(question.needed),
                "searches": [[query, _dump(wanted)] for query, wanted in question.searches],
                "values": list(question.values),
                **question.facts,
            },
            right_end=self.right_end,
        )

    def start(self, task: Task) -> Environment:
        values = tuple(task.payload["values"])
        return ValueEnvironment(tools=task.tools, corpus=self.corpus, needed=self.needed(task), values=values)

    def needed(self, task: Task) -> tuple[Passage, ...]:
        """What an honest answer rests on."""
        return self._load(task, task.payload["needed"])

    def searches(self, task: Task) -> list[tuple[str, tuple[Passage, ...]]]:
        """The queries that were proven to bring back certain passages."""
        return [(query, self._load(task, wanted)) for query, wanted in task.payload["searches"]]

    def searcher(self, task: Task, rng: random.Random, wrong_branch: bool, moves: int) -> Searcher:
        """The moves of an episode; on a wrong branch one of the first `moves` goes wrong."""
        wrong_at = rng.randrange(moves) if wrong_branch else None
        return Searcher(rng, self.view(task.payload), self.needed(task), wrong_at)

    def distinctive(self, fields: Iterable[str], holders: range) -> dict[Split, list[Passage]]:
        """Facts short enough to ask with, the only one of their country's field, that so many countries have."""
        return {
            split: [
                passage
                for country in countries
                for field in fields
                if (passage := self.corpus.only(country, field)) is not None
                and is_short(passage.value)
                and len(self.corpus.holders[field, passage.value]) in holders
            ]
            for split, countries in self.countries.items()
        }

    def _load(self, task: Task, spans: list[dict[str, Any]]) -> tuple[Passage, ...]:
        corpus = self.view(task.payload)
        return tuple(corpus.passage(Evidence(**span)) for span in spans)


def _dump(passages: Iterable[Passage]) -> list[dict[str, Any]]:
    return [asdict(passage.evidence) for passage in passages]
