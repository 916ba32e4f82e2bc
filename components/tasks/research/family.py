"""What the families of deep research share: questions are drawn until one is acceptable."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from dataclasses import asdict
from typing import Any

from components.agent.environment import End, Environment, Oracle, Split, Task, make_task
from components.core.errors import BadInput
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.kit.splits import split_of
from components.tasks.research.corpus import Corpus
from components.tasks.research.environment import offer_research
from components.tasks.research.pages import Evidence, Passage
from components.tasks.research.questions import Question, refusal

# Most draws end before any search. Of the whole Factbook one draw in fifty is good in the leanest family.
_MAX_DRAWS = 5000
MAX_VALUE_WORDS, MAX_VALUE_CHARACTERS = 4, 28


class ResearchFamily(ABC):
    """Draws questions over one corpus."""

    name: str
    domain: Stream = "research"
    right_end: End = "success"

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.countries: dict[Split, tuple[str, ...]] = {
            split: tuple(country for country in corpus.countries if split_of("country", country) == split)
            for split in ("train", "heldout")
        }

    @abstractmethod
    def draw(self, rng: random.Random, split: Split) -> Question | None:
        """A question that may be good, or None where the draw led nowhere. Its countries belong to the split."""

    @abstractmethod
    def start(self, task: Task) -> Environment: ...

    @abstractmethod
    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle: ...

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
        raise BadInput(
            f"{self.name}: the Factbook holds too few countries for the {split} split; ingest the whole source"
        )

    def _task(self, rng: random.Random, seed: int, split: Split, question: Question) -> Task:
        assert all(split_of("country", country) == split for country in question.countries)
        return make_task(
            self,
            seed,
            split,
            prompt=question.prompt,
            tools=offer_research(rng),
            payload={
                "question": [str(query) for query, _ in question.queries],
                "countries": list(question.countries),
                "needed": [asdict(passage.evidence) for passage in question.needed],
                **question.facts,
            },
            right_end=self.right_end,
        )

    def needed(self, task: Task) -> tuple[Evidence, ...]:
        return tuple(Evidence(**evidence) for evidence in task.payload["needed"])

    def only(self, country: str, field: str) -> Passage:
        """The one passage of the shared corpus about a field of a country."""
        (passage,) = self.corpus.passages(country, field)
        return passage


def fit(value: str) -> bool:
    """Whether a value is short enough to ask for or to ask with."""
    return len(value.split()) <= MAX_VALUE_WORDS and len(value) <= MAX_VALUE_CHARACTERS
