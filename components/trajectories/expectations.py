"""Great Expectations over the table of check results, one row a record, all rows: the gates of the stage.

The verdict comes from the checkpoint; the same run writes data docs for people. Both are kept out of the stage's
outputs, because data docs carry times.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
    """Run the checkpoint and write its data docs below `directory`. Returns the expectations that failed."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    import pandas as pd
    from great_expectations import expectations as gxe

    shutil.rmtree(directory / "data_docs", ignore_errors=True)
    docs = directory / "data_docs"
    docs.mkdir(parents=True)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    context.add_data_docs_site(
        site_name="trajectories",
        site_config={
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs.resolve())},
        },
    )
    suite = context.suites.add(gx.ExpectationSuite(name="trajectories"))
    suite.add_expectation(gxe.ExpectTableRowCountToEqual(value=expected_rows))
    suite.add_expectation(gxe.ExpectColumnValuesToBeUnique(column="id"))
    for name in columns:
        share = _least_share(name)
        if share is not None:
            suite.add_expectation(gxe.ExpectColumnValuesToBeInSet(column=name, value_set=[1], mostly=share))
    frame = pd.DataFrame(columns)
    batch = context.data_sources.add_pandas("records").add_dataframe_asset("results")
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(
            name="trajectories", data=batch.add_batch_definition_whole_dataframe("all"), suite=suite
        )
    )
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(
            name="trajectories",
            validation_definitions=[definition],
            actions=[gx.checkpoint.UpdateDataDocsAction(name="docs")],
        )
    )
    outcome = checkpoint.run(batch_parameters={"dataframe": frame})
    (result,) = outcome.run_results.values()
    failed = [item.expectation_config for item in result.results if not item.success]
    return [f"{config.type}({config.kwargs.get('column', 'rows')})" for config in failed if config is not None]


def _least_share(name: str) -> float | None:
    """Least share of rows that must hold 1 in a column; None for columns that are no check."""
    if name in ("id", "family"):
        return None
    if name in ALWAYS:
        return 1.0
    shares = {"replay": MIN_REPLAY_SHARE, "near_duplicates": MIN_DISTINCT_SHARE}
    return shares.get(name, MIN_CLEAN_SHARE)
