"""The datatrove pipelines: filter, exact duplicates, near duplicates; each run by its local executor in one task.

One task keeps the order of documents, and so which copy of a duplicate stays, the same on every machine. A pass
writes its survivors to a scratch folder and what it drops, with the reason, beside them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import orjson
from datatrove.data import Document as TroveDocument
from datatrove.data import DocumentsPipeline
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup.exact_dedup import (
    ExactDedupConfig,
    ExactDedupFilter,
    ExactDedupSignature,
    ExactFindDedups,
)
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.utils.logging import setup_default_logger
from datatrove.utils.stats import PipelineStats
from datatrove.utils.text import TextNormConfig

from components.core.params import Curation
from components.corpus.curation.decontamination import DecontaminationFilter, Windows
from components.corpus.curation.filters import CodeFilter, ForDomains, LanguageFilter, SubstanceFilter
from components.corpus.curation.words import MixedScriptWords
from components.corpus.documents import Document, read_documents, text_id

_MINHASHES = 112  # datatrove's default number of permutations, shared out between bands
_SHINGLE_WORDS = 5
PROSE = ("general", "books")
NOT_PROSE = ("encyclopedic", "chinese", "stem", "code", "agent")
# What replaces personal data: reserved for documentation by RFC 2606 and RFC 5737, so nobody is meant by it.
EMAIL_REPLACEMENT, IP_REPLACEMENT = "email@example.com", "192.0.2.1"
_CARRIED = tuple(name for name in Document.model_fields if name not in ("id", "text"))  # through datatrove's metadata
PASSES = ("filter", "exact_duplicates", "near_duplicate_signatures", "near_duplicate_bands", "near_duplicates")


class CorpusReader(PipelineStep):
    """Our documents as datatrove's, without those set aside. Unlike JsonlReader it refuses a corrupt line."""

    type = "reader"
    name = "corpus"

    def __init__(self, directory: Path, set_aside: Collection[int]):
        super().__init__()
        self.directory = directory
        self.set_aside = frozenset(set_aside)

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> Iterator[TroveDocument]:
        assert world_size == 1, "documents must keep their order"
        for position, document in enumerate(read_documents(self.directory)):
            if position not in self.set_aside:
                fields = document.model_dump()
                yield TroveDocument(text=fields.pop("text"), id=fields.pop("id"), metadata=fields)


def curate_documents(
    raw: Path,
    scratch: Path,
    params: Curation,
    windows: Windows,
    set_aside: Collection[int] = (),
    before_pass: Callable[[int], None] = lambda number: None,
) -> None:
    """Run all passes; survivors end in `scratch/near_duplicates`, what was dropped in `scratch/dropped/*`.

    `before_pass` is told the number of the pass (an index into PASSES) about to start.
    """
    folders = {
        name: str(scratch / name) for name in ("filter", "exact_duplicates", "near_duplicates", "exact", "minhash")
    }
    words = MixedScriptWords()
    minhash = minhash_config(params.minhash_threshold)

    def dropped(name: str) -> JsonlWriter:
        return JsonlWriter(str(scratch / "dropped" / name), compression=None)

    def survivors(name: str) -> JsonlWriter:
        return JsonlWriter(folders[name], compression=None)

    def reader(name: str) -> JsonlReader:
        return JsonlReader(folders[name], compression=None, add_file_path=False)

    before_pass(0)
    _run(
        scratch / "logs" / "filter",
        [
            CorpusReader(raw, set_aside),
            *_filters(params, windows, words, dropped),
            PIIFormatter(email_replacement=EMAIL_REPLACEMENT, ip_replacement=IP_REPLACEMENT),
            survivors("filter"),
            ExactDedupSignature(f"{folders['exact']}/signatures", _EXACT),
        ],
    )
    if not list((scratch / "filter").glob("*.jsonl")):
        return  # nothing is left, and datatrove's readers refuse an empty folder
    before_pass(1)
    _run(
        scratch / "logs" / "exact",
        [ExactFindDedups(f"{folders['exact']}/signatures", f"{folders['exact']}/duplicates", _EXACT)],
    )
    before_pass(2)
    _run(
        scratch / "logs" / "signatures",
        [
            reader("filter"),
            ExactDedupFilter(f"{folders['exact']}/duplicates", _EXACT, dropped("exact_duplicate")),
            survivors("exact_duplicates"),
            MinhashDedupSignature(f"{folders['minhash']}/signatures", minhash, language=words),
        ],
    )
    before_pass(3)
    _run(
        scratch / "logs" / "bands",
        [MinhashDedupBuckets(f"{folders['minhash']}/signatures", f"{folders['minhash']}/bands", config=minhash)],
        tasks=minhash.num_buckets,
    )
    _run(
        scratch / "logs" / "clusters",
        [MinhashDedupCluster(f"{folders['minhash']}/bands", f"{folders['minhash']}/remove", config=minhash)],
    )
    before_pass(4)
    _run(
        scratch / "logs" / "near",
        [
            reader("exact_duplicates"),
            MinhashDedupFilter(f"{folders['minhash']}/remove", dropped("near_duplicate")),
            survivors("near_duplicates"),
        ],
    )


def read_survivors(scratch: Path) -> Iterator[Document]:
    """The curated documents; the id of one whose text was changed is new, and its metadata names the raw one."""
    for row in _rows(scratch / "near_duplicates"):
        fields = {name: row["metadata"][name] for name in _CARRIED}
        identity = text_id(row["text"])
        if identity != row["id"]:
            fields["metadata"] = {**fields["metadata"], "raw_id": row["id"]}
        yield Document(id=identity, text=row["text"], **fields)


def read_dropped(scratch: Path) -> Iterator[dict[str, str]]:
    """What was dropped: id, domain, source, path and the reason code, in the order of filters and documents."""
    for folder in sorted((scratch / "dropped").glob("*")):
        for row in _rows(folder):
            fields = row["metadata"]
            reason = fields.get("filter_reason", folder.name)
            yield {"id": row["id"], "reason": reason, **{key: fields[key] for key in ("domain", "source", "path")}}


def minhash_config(threshold: float) -> MinhashConfig:
    """Bands and rows whose S-curve, `1 - (1 - s^rows)^bands`, rises nearest to `threshold`.

    The curve's steep part lies at (1 / bands)^(1 / rows); see Leskovec, Rajaraman, Ullman, Mining of Massive
    Datasets, section 3.4.2.
    """
    # At least half of the permutations are used: with few the curve is too flat to be called a threshold.
    shapes = [
        (bands, rows)
        for rows in range(1, _MINHASHES + 1)
        for bands in range(1, _MINHASHES // rows + 1)
        if bands * rows >= _MINHASHES // 2
    ]
    bands, rows = min(shapes, key=lambda shape: abs((1 / shape[0]) ** (1 / shape[1]) - threshold))
    # Figures stay as they are: pages of a reference work differ by little else.
    norm = TextNormConfig(norm_numbers=False, norm_unicode_diacritics=False)
    return MinhashConfig(n_grams=_SHINGLE_WORDS, num_buckets=bands, hashes_per_bucket=rows, norm_config=norm)


def _filters(
    params: Curation, windows: Windows, words: MixedScriptWords, dropped: Callable[[str], JsonlWriter]
) -> list[PipelineStep]:
    lines = params.max_duplicate_line_share
    # n-gram rules are Gopher's (Rae et al. 2021, table A1); of the duplicate n-grams the shortest and the longest.
    repetition = GopherRepetitionFilter(
        dup_line_frac=lines, dup_para_frac=lines, dup_n_grams=((5, 0.15), (10, 0.10)), language=words
    )
    # Reference works, code and verse repeat turns of phrase by their nature: there only whole lines count.
    repeated_lines = GopherRepetitionFilter(
        dup_line_frac=lines,
        dup_para_frac=lines,
        dup_line_char_frac=lines,
        dup_para_char_frac=lines,
        top_n_grams=(),
        dup_n_grams=(),
        language=words,
    )
    quality = GopherQualityFilter(min_doc_words=params.min_words, max_doc_words=None, language=words)
    return [
        SubstanceFilter(params.min_words, params.max_non_alpha_share, dropped("0_substance")),
        LanguageFilter(params.min_language_score, dropped("1_language")),
        ForDomains(("code",), CodeFilter(), dropped("2_code")),
        ForDomains(PROSE, quality, dropped("3_quality")),
        ForDomains(PROSE, repetition, dropped("4_repetition")),
        ForDomains(NOT_PROSE, repeated_lines, dropped("5_repeated_lines")),
        DecontaminationFilter(windows, dropped("6_decontamination")),
    ]


def _text(document: TroveDocument) -> str:
    return str(document.text)


_EXACT = ExactDedupConfig(content_getter=_text)


def _run(logs: Path, steps: list[PipelineStep], tasks: int = 1) -> PipelineStats:
    """Run one pipeline; datatrove's chatter goes to a file of the scratch folder."""
    logs.mkdir(parents=True)
    try:
        with (logs / "stderr.log").open("w") as chatter, contextlib.redirect_stderr(chatter):
            setup_default_logger()
            return LocalPipelineExecutor(steps, tasks=tasks, workers=1, logging_dir=str(logs)).run()
    finally:
        setup_default_logger()


def _rows(folder: Path) -> Iterator[dict]:
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("rb") as stream:
            yield from map(orjson.loads, stream)
