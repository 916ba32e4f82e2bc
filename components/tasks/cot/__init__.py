"""Agentic chain of thought as task families: derivations thought out in prose, every step put to a check that runs."""
