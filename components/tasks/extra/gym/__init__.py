"""Datasets of reasoning-gym as task families, solved step by step. See README.md."""
