"""Mathematics as task families: typed derivations, executed step by step, in three levels. See README.md."""

from components.agent.mathematics.catalogue import mathematics_families

__all__ = ["mathematics_families"]
