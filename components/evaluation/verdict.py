"""The verdict of one check of the gate, and of all of them.

PASS: the interval lies on the good side. HOLD: it lies on the bad side. INSUFFICIENT_POWER: these items cannot tell,
which is not a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

GateVerdict = Literal["PASS", "HOLD", "INSUFFICIENT_POWER"]


@dataclass(frozen=True, kw_only=True)
class GateCheck:
    """One question, its answer, and every number behind the answer."""

    name: str
    verdict: GateVerdict
    reason: str
    metrics: dict[str, Any]


def overall(checks: Sequence[GateCheck]) -> GateVerdict:
    """HOLD if any check holds, else INSUFFICIENT_POWER if any lacks power, else PASS."""
    verdicts = {check.verdict for check in checks}
    if "HOLD" in verdicts:
        return "HOLD"
    return "INSUFFICIENT_POWER" if "INSUFFICIENT_POWER" in verdicts else "PASS"
