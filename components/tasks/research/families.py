"""The families of deep research over what is known of the countries."""

from __future__ import annotations

from components.agent.factbook import Knowledge
from components.tasks.research.chain import ChainFamily
from components.tasks.research.compare_set import CompareSetFamily
from components.tasks.research.contradiction import ContradictionFamily
from components.tasks.research.corpus import Corpus
from components.tasks.research.family import ResearchFamily
from components.tasks.research.intersection import IntersectionFamily
from components.tasks.research.report import ReportFamily
from components.tasks.research.unanswerable import UnanswerableFamily

_FAMILIES = (
    ChainFamily,
    IntersectionFamily,
    CompareSetFamily,
    ReportFamily,
    UnanswerableFamily,
    ContradictionFamily,
)


def families(knowledge: Knowledge) -> list[ResearchFamily]:
    """All of them share one corpus."""
    corpus = Corpus.of(knowledge)
    return [family(corpus) for family in _FAMILIES]
