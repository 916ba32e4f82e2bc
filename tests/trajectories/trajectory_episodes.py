"""How many episodes of each family the tests make."""

from __future__ import annotations

from pathlib import Path

from components.sandbox import probe

ROOT = Path(__file__).resolve().parents[2]
EPISODES = {"arithmetic_add": 120, "arithmetic_subtract": 40, "arithmetic_multiply": 40, "factbook_field": 40}
if probe().holds_untrusted_code:
    EPISODES["code_repair"] = 5
WRONG_BRANCH_SHARE = 0.4
