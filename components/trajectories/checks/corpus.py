"""What can only be seen with all records at hand: repeated ids and lessons, branches without a parent, detours.

Each function takes the records in the order they stand in the shards and names those at fault by position.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import median

from components.core.lineage import sha256_json
from components.trajectories.record import Record

_WORD = re.compile(r"\w+")
_DETOUR_FACTOR = 3  # of the family's median of calls
_DETOUR_CALLS = 10  # fewer are no detour whatever the median


def find_repeated_ids(records: Sequence[Record | None]) -> dict[int, str]:
    """A record of the same id as one before it."""
    seen: set[str] = set()
    found = {}
    for number, record in enumerate(records):
        if record is not None:
            if record.id in seen:
                found[number] = "another record has the same id"
            seen.add(record.id)
    return found


def find_near_duplicates(records: Sequence[Record | None]) -> dict[int, str]:
    """A record that asks what one before it asks and does the same: other prose does not make it another lesson.

    Prompts are compared without case, punctuation and layout; a wrong branch is another way.
    """
    seen: dict[str, str] = {}
    found = {}
    for number, record in enumerate(records):
        if record is None:
            continue
        calls = [[call.name, call.args] for step in record.steps for call in step.calls]
        asked = " ".join(_WORD.findall(record.task.prompt.casefold()))
        lesson = sha256_json([record.task.generator, asked, calls])
        first = seen.setdefault(lesson, record.id)
        if first != record.id:
            found[number] = f"asks and does what {first[:12]} does"
    return found


def find_broken_branches(records: Sequence[Record | None]) -> dict[int, str]:
    """An alternate whose parent is missing, is itself a branch, has another task or begins otherwise; or one that
    trains again what its parent trains."""
    roots = {record.id: record for record in records if record is not None and record.parent.kind == "root"}
    found = {}
    for number, record in enumerate(records):
        if record is None or record.parent.id is None:
            continue
        fault = _branch_fault(record, roots)
        if fault:
            found[number] = fault
    return found


def _branch_fault(record: Record, roots: Mapping[str, Record]) -> str | None:
    assert record.parent.id is not None and record.parent.at_step is not None
    parent = roots.get(record.parent.id)
    if parent is None:
        return f"its parent {record.parent.id[:12]} is no record of this corpus"
    if (parent.family_id, parent.task, parent.tools) != (record.family_id, record.task, record.tools):
        return "has another task than its parent"
    shared = record.parent.at_step
    if not 0 < shared < len(record.steps):
        return f"leaves its parent at step {shared} of {len(record.steps)}"
    plain = [step.model_copy(update={"loss": 0.0}) for step in parent.steps[:shared]]
    if [step.model_copy(update={"loss": 0.0}) for step in record.steps[:shared]] != plain:
        return "differs from its parent before it leaves it"
    if any(step.loss > 0 for step in record.steps[:shared]):
        return "trains what its parent trains"
    return None


def find_detours(records: Sequence[Record | None]) -> dict[int, str]:
    """A record with far more calls than its family's others."""
    counts: dict[str, list[int]] = {}
    for record in records:
        if record is not None:
            counts.setdefault(record.task.generator, []).append(_calls(record))
    usual = {family: median(numbers) for family, numbers in counts.items()}
    found = {}
    for number, record in enumerate(records):
        if record is not None:
            limit = max(_DETOUR_CALLS, _DETOUR_FACTOR * usual[record.task.generator])
            if _calls(record) > limit:
                found[number] = f"{_calls(record)} calls where {usual[record.task.generator]:g} are usual"
    return found


def _calls(record: Record) -> int:
    return sum(len(step.calls) for step in record.steps)


CORPUS_CHECKS = {
    "unique_id": find_repeated_ids,
    "near_duplicates": find_near_duplicates,
    "branches": find_broken_branches,
    "detours": find_detours,
}
