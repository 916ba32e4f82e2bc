"""Great Expectations over the table of check results, one row a record, all rows: the gates of the stage.

The same run writes data docs for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.core.expectations import Judge
from components.core.files import write_directory

# One fault of these is one too many: the generator or this code is wrong.
ALWAYS = (
    "schema", "content_id", "unique_id", "branches", "wrong_steps", "split", "decontamination", "licence",
    "observations", "secrets", "leaks",
)  # fmt: skip
MIN_REPLAY_SHARE = 0.995
MIN_CLEAN_SHARE = 0.99
# A small family asks some things twice: those are set aside, and only a corpus full of them is refused.
MIN_DISTINCT_SHARE = 0.8


def judge_table(columns: Mapping[str, list[Any]], expected_rows: int, directory: Path) -> list[str]:
    """Judge the table and write its data docs below `directory`. Returns the expectations that failed."""
    import pandas as pd
    from great_expectations import expectations as gxe

    expectations = [
        gxe.ExpectTableRowCountToEqual(value=expected_rows),
        gxe.ExpectColumnValuesToBeUnique(column="id"),
        *(
            gxe.ExpectColumnValuesToBeInSet(column=name, value_set=[1], mostly=share)
            for name in columns
            if (share := _least_share(name)) is not None
        ),
    ]
    with write_directory(directory / "data_docs") as docs:
        judge = Judge("trajectories", docs)
        findings = judge.judge("trajectories", {"records": (pd.DataFrame(columns), expectations)})
        judge.write_docs()
    return [f"{finding.expectation}({finding.column})" for finding in findings if not finding.success]


def _least_share(name: str) -> float | None:
    """Least share of rows that must hold 1 in a column; None for columns that are no check."""
    if name in ("id", "family"):
        return None
    if name in ALWAYS:
        return 1.0
    shares = {"replay": MIN_REPLAY_SHARE, "near_duplicates": MIN_DISTINCT_SHARE}
    return shares.get(name, MIN_CLEAN_SHARE)
