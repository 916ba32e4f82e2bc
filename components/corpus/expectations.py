"""What a corpus must be like, as Great Expectations suites, and their run with data docs.

Two levels. Expectations on documents and on sampled text put single documents into quarantine; expectations on
sources and on the corpus as a whole refuse it.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.corpus.curation.filters import PROGRAMMING_LANGUAGES

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation import Expectation

# Languages that curation has rules for.
KNOWN_LANGUAGES = ("en", "zh", *sorted(PROGRAMMING_LANGUAGES))
MAX_QUARANTINED_SHARE = 0.05
MIN_DOCUMENTS_PER_SOURCE = 2  # the split into training and held-out text needs two
MIN_UNIQUE_SHARE = 0.5
_MIN_CHARACTERS, _MAX_CHARACTERS = 20, 20_000_000
_EXAMPLES = 3
_SITE = "corpus"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One expectation's result: what was looked at, what was seen, which rows (by `position`) failed."""

    table: str
    expectation: str
    column: str
    success: bool
    wanted: dict[str, Any]
    observed: Any
    failed_positions: tuple[int, ...]


def document_expectations() -> list[Expectation]:
    """On one row a document; a row that fails goes to quarantine."""
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToBeBetween(column="characters", min_value=_MIN_CHARACTERS, max_value=_MAX_CHARACTERS),
        gxe.ExpectColumnValuesToBeBetween(column="replacement_share", max_value=0.001),
        gxe.ExpectColumnValuesToBeBetween(column="control_share", max_value=0.001),
        gxe.ExpectColumnValuesToBeBetween(column="private_use_share", max_value=0.01),
        gxe.ExpectColumnValuesToBeBetween(column="non_alpha_share", max_value=0.9),
        gxe.ExpectColumnValuesToBeInSet(column="language", value_set=list(KNOWN_LANGUAGES)),
        gxe.ExpectColumnValuesToMatchRegex(column="licence", regex=r"^\S+$"),
        gxe.ExpectColumnValuesToBeInSet(column="id_is_hash_of_text", value_set=[True]),
    ]


def text_expectations() -> list[Expectation]:
    """On sampled text; a document that fails goes to quarantine."""
    import great_expectations.expectations as gxe

    return [
        # A page that was never turned into text.
        gxe.ExpectColumnValuesToNotMatchRegex(column="text", regex=r"(?i)^\s*<(?:!doctype|html|\?xml)"),
        # UTF-8 read as Latin-1, several times in a row.
        gxe.ExpectColumnValuesToNotMatchRegex(column="text", regex=r"(?:[ÃÂâ][\u0080-\u00bf€™œ].*){5}"),
        # An error message served in place of the page.
        gxe.ExpectColumnValuesToNotMatchRegex(
            column="text", regex=r"(?i)^\s*(?:404 not found|403 forbidden|access denied)"
        ),
    ]


def source_expectations() -> list[Expectation]:
    """On one row a source; a failure refuses the corpus."""
    import great_expectations.expectations as gxe

    return [gxe.ExpectColumnValuesToBeBetween(column="documents", min_value=MIN_DOCUMENTS_PER_SOURCE)]


def quarantine_expectations() -> list[Expectation]:
    """On one row a document, those refused marked; a failure refuses the corpus."""
    import great_expectations.expectations as gxe

    return [gxe.ExpectColumnMeanToBeBetween(column="quarantined", max_value=MAX_QUARANTINED_SHARE)]


def corpus_expectations(licences: Collection[str]) -> list[Expectation]:
    """On the documents that are left; a failure refuses the corpus."""
    import great_expectations.expectations as gxe

    return [
        gxe.ExpectColumnValuesToBeInSet(column="licence", value_set=sorted(licences)),
        gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column="id", min_value=MIN_UNIQUE_SHARE),
    ]


class Judge:
    """A Great Expectations context with a site of data docs in the folder `docs`."""

    def __init__(self, docs: Path) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"  # nothing is reported to anybody
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        self._gx = gx
        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs.resolve())}
        site: Any = {
            "class_name": "SiteBuilder",
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": backend,
        }
        self._context.add_data_docs_site(site_name=_SITE, site_config=site)
        self._source = self._context.data_sources.add_pandas("corpus")

    def judge(self, name: str, tables: dict[str, tuple[pd.DataFrame, list[Expectation]]]) -> list[Finding]:
        """Run one checkpoint over tables by name; every table's expectations are one suite."""
        findings: list[Finding] = []
        for table, (frame, expectations) in tables.items():
            suite: ExpectationSuite = self._context.suites.add(
                self._gx.ExpectationSuite(name=table, expectations=expectations)
            )
            batch = self._source.add_dataframe_asset(table).add_batch_definition_whole_dataframe("all")
            validation = self._context.validation_definitions.add(
                self._gx.ValidationDefinition(name=table, data=batch, suite=suite)
            )
            key = "position" if "position" in frame else "source"
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
        self._context.build_data_docs(site_names=[_SITE])


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
        column=config.kwargs["column"],
        success=bool(item.success),
        wanted=wanted,
        observed=observed,
        failed_positions=tuple(sorted(int(row["position"]) for row in rows if "position" in row)),
    )
