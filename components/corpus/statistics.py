"""Figures about every raw document, the table that the expectations judge.

One row a document, whatever the size of the texts: the texts themselves are judged by sample.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from components.corpus.curation.filters import non_alpha_share
from components.corpus.documents import Document, text_id

if TYPE_CHECKING:
    import pandas as pd

_SAMPLE_DOCUMENTS = 500
_SAMPLE_CHARACTERS = 20_000
# Control characters other than tab, line feed and form feed, which text files use.
_CONTROL = re.compile("[\\x00-\\x08\\x0b\\x0d-\\x1f\\x7f-\\x9f]")
_PRIVATE = re.compile("[\ue000-\uf8ff\ufff9-\ufffc\ufffe\uffff]")


def document_statistics(documents: Iterable[Document]) -> pd.DataFrame:
    """One row a document, in order; `position` counts them."""
    import pandas as pd

    return pd.DataFrame([_row(position, document) for position, document in enumerate(documents)])


def text_sample(documents: Iterable[Document]) -> pd.DataFrame:
    """Position, source and the first characters of the documents whose ids hash lowest."""
    import pandas as pd

    chosen = heapq.nsmallest(
        _SAMPLE_DOCUMENTS,
        enumerate(documents),
        key=lambda pair: (hashlib.sha256(f"sample:{pair[1].id}".encode()).digest(), pair[0]),
    )
    rows = [
        {"position": position, "source": document.source, "text": document.text[:_SAMPLE_CHARACTERS]}
        for position, document in sorted(chosen)
    ]
    return pd.DataFrame(rows)


def source_statistics(documents: pd.DataFrame, sources: Collection[str]) -> pd.DataFrame:
    """One row a source, those without a document included: its documents and characters."""
    grouped = documents.groupby("source")["characters"].agg(documents="count", characters="sum")
    return grouped.reindex(sorted(sources), fill_value=0).rename_axis("source").reset_index()


def _row(position: int, document: Document) -> dict[str, object]:
    text = document.text
    size = max(1, len(text))
    return {
        "position": position,
        "id": document.id,
        "source": document.source,
        "domain": document.domain,
        "language": document.language,
        "licence": document.licence,
        "characters": len(text),
        "replacement_share": text.count("\ufffd") / size,
        "control_share": len(_CONTROL.findall(text)) / size,
        "private_use_share": len(_PRIVATE.findall(text)) / size,
        "non_alpha_share": non_alpha_share(text),
        "id_is_hash_of_text": document.id == text_id(text),
    }
