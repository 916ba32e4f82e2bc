"""The world of a research episode: search and open over one corpus, and what was really read there.

Three kinds of right answer: a value, the statement that the corpus does not hold it, and claims with citations. All of
them count only after every needed passage was read, in a search result or on an opened page.
"""

from __future__ import annotations

import random
import re
from abc import abstractmethod
from dataclasses import dataclass, field

from components.agent.calculator import CALCULATOR, calculate
from components.agent.environment import Observation, ToolEnvironment
from components.agent.factbook import NO_RESULTS, NO_WORDS, SEARCH, match_expression, spoken
from components.agent.messages import ToolCall, ToolSpec
from components.tasks.research.citations import citation_fault
from components.tasks.research.corpus import Corpus
from components.tasks.research.facts import answers_with, normal_words
from components.tasks.research.pages import Passage

OPEN = ToolSpec(
    name="open",
    description="A page, each line with its characters",
    parameters={"type": "object", "properties": {"page": {"type": "string"}}, "required": ["page"]},
)
_MAX_ID_CHARACTERS = 40
_ABSTAINS = re.compile(
    r"\b(?:unknown|unanswerable|do(?:es)? not (?:say|know|hold|tell|state)|not (?:known|stated|found|answerable)"
    r"|cannot be (?:answered|found|known)|no page (?:says|states|tells|holds))\b"
)
# An answer that denies there is one and gives one all the same is no abstention.
_HEDGES = re.compile(r"\b(?:but|yet|though|although|however|probably|perhaps|maybe|likely|guess|around|roughly)\b|\d")
_MAX_ABSTENTION_WORDS = 30


@dataclass
class ResearchEnvironment(ToolEnvironment):
    """Search, open and perhaps a calculator. `opened` holds the hash of each page as it was when it was opened."""

    corpus: Corpus = field(default_factory=lambda: Corpus(()))
    needed: tuple[Passage, ...] = ()
    read: set[Passage] = field(default_factory=set)
    opened: dict[str, str] = field(default_factory=dict)

    def run(self, call: ToolCall) -> Observation:
        if call.name == CALCULATOR.name:
            return calculate(call.arguments["expression"])
        if call.name == OPEN.name:
            return self._open(call.arguments["page"])
        query = call.arguments["query"]
        if match_expression(query) is None:
            return Observation(status="error", content=NO_WORDS)
        found = self.corpus.search(query)
        self.read.update(found)
        return Observation(status="ok", content="\n".join(passage.hit for passage in found) or NO_RESULTS)

    def _open(self, name: str) -> Observation:
        page = self.corpus.pages.get(name)
        if page is None:
            return Observation(status="error", content=f"no page {name[:_MAX_ID_CHARACTERS]!r}; search names pages")
        self.read.update(page.passages)
        self.opened[page.id] = page.sha256
        return Observation(status="ok", content=page.render())

    def verify(self, answer: str) -> bool:
        """Whether all that is needed was read and the answer is right."""
        return self.read.issuperset(self.needed) and self.right(answer)

    @abstractmethod
    def right(self, answer: str) -> bool:
        """Whether the words of the answer are right."""


@dataclass
class ValueEnvironment(ResearchEnvironment):
    """The answer is a value, in one of its spellings."""

    values: tuple[str, ...] = ()

    def right(self, answer: str) -> bool:
        return any(answers_with(answer, value) for value in self.values)


@dataclass
class AbstainEnvironment(ResearchEnvironment):
    """The corpus has no answer. Right is the statement of that, after a search for the field of the country by name and
    with the page opened where it would stand."""

    country: str = ""
    field: str = ""
    page: str = ""

    def right(self, answer: str) -> bool:
        wanted = {*normal_words(self.country), *normal_words(spoken(self.field))}
        searched = any(
            wanted <= set(normal_words(call.arguments["query"]))
            for call, _ in self.executed
            if call.name == SEARCH.name
        )
        return searched and self.page in self.opened and abstains(answer)


@dataclass
class ReportEnvironment(ResearchEnvironment):
    """The answer is a report: every passage of `wanted` is claimed, every claim is cited and every citation holds."""

    wanted: tuple[Passage, ...] = ()
    dated: bool = False

    def right(self, answer: str) -> bool:
        return citation_fault(answer, self.wanted, self.corpus, self.opened, dated=self.dated) is None


def abstains(answer: str) -> bool:
    """Whether an answer states, in a few words, that there is none, and does not give one beside that."""
    text = answer.casefold()
    short = len(normal_words(answer)) <= _MAX_ABSTENTION_WORDS
    return short and bool(_ABSTAINS.search(text)) and not _HEDGES.search(text)


def offer_research(rng: random.Random) -> tuple[ToolSpec, ...]:
    """Search and open, in a quarter of the tasks with a calculator that is not needed, in any order."""
    tools = [SEARCH, OPEN] if rng.random() < 0.75 else [SEARCH, OPEN, CALCULATOR]
    return tuple(rng.sample(tools, len(tools)))
