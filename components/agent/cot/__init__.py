"""Agentic chain of thought as task families: derivations thought out in prose, every step put to a check that runs."""

from components.agent.cot.catalogue import cot_families

__all__ = ["cot_families"]
