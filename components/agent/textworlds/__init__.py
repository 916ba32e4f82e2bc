"""Text worlds played in real simulators on a Java machine. See README.md."""

from components.agent.textworlds.catalogue import absent_textworlds, textworld_families

__all__ = ["absent_textworlds", "textworld_families"]
