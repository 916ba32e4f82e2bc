"""Datasets of reasoning-gym as task families, solved step by step. See README.md."""

from components.agent.gym.catalogue import absent_gym, gym_families

__all__ = ["absent_gym", "gym_families"]
