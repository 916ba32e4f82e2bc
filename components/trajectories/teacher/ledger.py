"""Who was paid for what: one line for every piece of work, accepted or not, and sums that must add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Role = Literal["verbalise", "policy", "issue"]
LedgerOutcome = Literal["accepted", "unchanged", "rejected", "refused", "unfunded"]


class LedgerEntry(BaseModel):
    """One record rewritten, one episode acted, one issue written: asked how often, at what cost, with what end.

    `cost_usd` is that of all its answers, those that were not taken too. `record` is the id of the record that came
    of it, or of the one that stays; of an episode that was not taken it is the task's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role
    family: str
    record: str
    outcome: LedgerOutcome
    reason: str = ""
    answers: int
    repaired: bool = False
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    cache_key: str | None


def summarise(entries: Sequence[LedgerEntry]) -> dict[str, Any]:
    """Counts and money by role; `usd_per_accepted` includes the cost of what was not accepted."""
    roles = sorted({entry.role for entry in entries})
    return {role: _summarise([entry for entry in entries if entry.role == role]) for role in roles}


def _summarise(entries: Sequence[LedgerEntry]) -> dict[str, Any]:
    accepted = [entry for entry in entries if entry.outcome == "accepted"]
    spent = round(sum(entry.cost_usd for entry in entries), 9)
    in_vain = round(sum(entry.cost_usd for entry in entries if entry.outcome != "accepted"), 9)
    return {
        "entries": len(entries),
        **dict(sorted(Counter(entry.outcome for entry in entries).items())),
        "repaired": sum(entry.repaired for entry in accepted),
        "reasons": dict(sorted(Counter(entry.reason.split(":")[0] for entry in entries if entry.reason).items())),
        "answers": sum(entry.answers for entry in entries),
        "prompt_tokens": sum(entry.prompt_tokens for entry in entries),
        "completion_tokens": sum(entry.completion_tokens for entry in entries),
        "usd": spent,
        "usd_in_vain": in_vain,
        "usd_per_accepted": round(spent / len(accepted), 9) if accepted else None,
    }
