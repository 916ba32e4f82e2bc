"""The families of deep research over what is known of the countries."""

from __future__ import annotations

from components.agent.factbook import Knowledge
from components.agent.research.chains import ChainFamily, UnanswerableFamily
from components.agent.research.corpus import Corpus
from components.agent.research.family import ResearchFamily
from components.agent.research.reports import ContradictionFamily, ReportFamily
from components.agent.research.sets import CompareSetFamily, IntersectionFamily


def research_families(knowledge: Knowledge) -> list[ResearchFamily]:
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
