"""Tables judged by Great Expectations, with data docs for people.

The data docs carry times, so they stay out of the stages' outputs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation import Expectation

_ROW_NAMES = ("position", "source", "id")
_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One expectation's result: what was looked at, what was seen, which rows (by `position`) failed.

    `column` is "rows" where the expectation is on the table as a whole.
    """

    table: str
    expectation: str
    column: str
    success: bool
    wanted: dict[str, Any]
    observed: Any
    failed_positions: tuple[int, ...]


class Judge:
    """A Great Expectations context with a site of data docs in the folder `docs`."""

    def __init__(self, site: str, docs: Path) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"  # nothing is reported to anybody
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        self._gx = gx
        self._site = site
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs.resolve())}
        config: Any = {
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": backend,
        }
        self._context.add_data_docs_site(site_name=site, site_config=config)
        self._source = self._context.data_sources.add_pandas(site)

    def judge(self, name: str, tables: dict[str, tuple[pd.DataFrame, list[Expectation]]]) -> list[Finding]:
        """Run one checkpoint over tables by name; every table's expectations are one suite.

        A row that fails is named by the first of `_ROW_NAMES` among the table's columns.
        """
        findings: list[Finding] = []
        for table, (frame, expectations) in tables.items():
            suite: ExpectationSuite = self._context.suites.add(
                self._gx.ExpectationSuite(name=table, expectations=expectations)
            )
            batch = self._source.add_dataframe_asset(table).add_batch_definition_whole_dataframe("all")
            validation = self._context.validation_definitions.add(
                self._gx.ValidationDefinition(name=table, data=batch, suite=suite)
            )
            key = next(name for name in _ROW_NAMES if name in frame)
            # A checkpoint hands one data frame to all its validations: hence one for each table.
            checkpoint = self._context.checkpoints.add(
                self._gx.Checkpoint(
                    name=f"{name}_{table}",
                    validation_definitions=[validation],
                    result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [key]},
                )
            )
            outcome = checkpoint.run(batch_parameters={"dataframe": frame})
            for result in outcome.run_results.values():
                findings += [_finding(table, item) for item in result.results]
        return findings

    def write_docs(self) -> None:
        """Render every suite and result so far; once, since each rendering writes the whole site."""
        self._context.build_data_docs(site_names=[self._site])


def _finding(table: str, item: Any) -> Finding:
    raised = item.exception_info
    assert not raised.get("raised_exception", False), raised
    config = item.expectation_config
    wanted = {key: value for key, value in sorted(config.kwargs.items()) if key not in ("batch_id", "column")}
    rows = item.result.get("unexpected_index_list") or []
    observed = item.result.get("observed_value")
    if observed is None:
        examples = [" ".join(f"{key}={value}" for key, value in row.items()) for row in rows[:_EXAMPLES]]
        observed = {"failed": len(rows), "first": examples}
    return Finding(
        table=table,
        expectation=config.type,
        column=config.kwargs.get("column", "rows"),
        success=bool(item.success),
        wanted=wanted,
        observed=observed,
        failed_positions=tuple(sorted(int(row["position"]) for row in rows if "position" in row)),
    )
