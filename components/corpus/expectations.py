"""What a corpus must be like, as Great Expectations suites.

Two levels. Expectations on documents and on sampled text put single documents into quarantine; expectations on
sources and on the corpus as a whole refuse it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from components.corpus.curation.filters import PROGRAMMING_LANGUAGES

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

# Languages that curation has rules for.
KNOWN_LANGUAGES = ("en", "zh", *sorted(PROGRAMMING_LANGUAGES))
MAX_QUARANTINED_SHARE = 0.05
MIN_DOCUMENTS_PER_SOURCE = 2  # the split into training and held-out text needs two
MIN_UNIQUE_SHARE = 0.5
_MIN_CHARACTERS, _MAX_CHARACTERS = 20, 20_000_000


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
