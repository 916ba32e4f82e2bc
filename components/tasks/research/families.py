"""The families of deep research over what is known of the countries."""

from __future__ import annotations

from components.agent.factbook import Knowledge
from components.tasks.research.chains import ChainFamily, UnanswerableFamily
from components.tasks.research.corpus import Corpus
from components.tasks.research.family import ResearchFamily
from components.tasks.research.reports import ContradictionFamily, ReportFamily
from components.tasks.research.sets import CompareSetFamily, IntersectionFamily


def families(knowledge: Knowledge) -> list[ResearchFamily]:
    """All of them share one corpus."""
    corpus = Corpus.of(knowledge)
    return [
        ChainFamily(corpus),
        IntersectionFamily(corpus),
        CompareSetFamily(corpus),
        ReportFamily(corpus),
        UnanswerableFamily(corpus),
        ContradictionFamily(corpus),
    ]
