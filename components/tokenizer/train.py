"""The stage `train_tokenizer`: curated text to `artifacts/tokenizer` and `metrics/tokenizer.json`.

The vocabulary grows stage by stage (general, then Chinese, then code and mathematics): a stage sees its own domains
alone and receives a fixed share of the merges, so a small domain is not crowded out by a large one. The report sets
the outcome beside one stage over all domains, same size, same text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import PreTokenizer

from components.corpus.documents import read_documents
from components.lineage import (
    MANIFEST,
    Manifest,
    describe_shard,
    read_manifest,
    sha256_file,
    verify,
    write_directory,
    write_json,
    write_manifest,
)
from components.params import BadInput
from components.params import Tokenizer as TokenizerParams
from components.stage import StageContext
from components.tokenizer.bpe import MergeList, continue_merges
from components.tokenizer.pretokenizer import build_pre_tokenizer, byte_alphabet
from components.tokenizer.special import SPECIAL_TOKENS
from components.tokenizer.text import CONFIG_FILE, PRODUCER, TOKENIZER_FILE, build_tokenizer, tokenizer_config

CURATED = Path("data/curated")
OUTPUT = Path("artifacts/tokenizer")
METRICS = Path("metrics/tokenizer.json")


@dataclass(frozen=True, kw_only=True)
class DomainText:
    """What a domain's text is to a tokenizer: its distinct pieces with their counts."""

    pieces: Mapping[str, int]
    size_bytes: int


def run(context: StageContext) -> None:
    """Train, compare with the single-stage baseline, write. Raises BadInput before anything is written."""
    params = context.params.tokenizer
    verify(CURATED, read_manifest(CURATED, "curate"))
    train = _read_split("train", params, context)
    held_out = _read_split("heldout", params, context)
    pieces = {domain: text.pieces for domain, text in train.items()}
    staged, sizes = learn_stages(params, pieces)
    tokenizer, baseline = build_tokenizer(staged), build_tokenizer(learn_single_stage(params, pieces))
    figures = {
        f"{split}/{domain}": {
            "multi_stage": bytes_per_token(text, tokenizer),
            "single_stage": bytes_per_token(text, baseline),
            "bytes": text.size_bytes,
        }
        for split, domains in (("train", train), ("held_out", held_out))
        for domain, text in domains.items()
    }
    _write(tokenizer, params)
    write_json(
        METRICS, {"vocab_size": params.vocab_size, "tokens_learned": sizes, "bytes_per_token": _by_split(figures)}
    )
    context.tracker.log_metrics(
        {
            f"bytes_per_token/{place}/{name}": found[name]
            for place, found in figures.items()
            for name in ("multi_stage", "single_stage")
        }
    )


def learn_stages(params: TokenizerParams, pieces: Mapping[str, Mapping[str, int]]) -> tuple[MergeList, dict[str, int]]:
    """Learn every stage's share of the merges on its domains; also returns how many tokens each stage added.

    Raises BadInput if a stage's text is too small for its share.
    """
    learned = MergeList(tokens=list(byte_alphabet()))
    merges, share, sizes = params.vocab_size - len(SPECIAL_TOKENS) - len(learned.tokens), 0.0, {}
    for name, stage in params.stages.items():
        start = len(learned.tokens)
        share += stage.vocab_share
        target = len(byte_alphabet()) + round(share * merges)
        continue_merges(learned, _sum(pieces[domain] for domain in stage.domains), target)
        _require(len(learned.tokens) == target, f"tokenizer.stages.{name}", target - start, len(learned.tokens) - start)
        sizes[name] = len(learned.tokens) - start
    return learned, sizes


def learn_single_stage(params: TokenizerParams, pieces: Mapping[str, Mapping[str, int]]) -> MergeList:
    """The baseline: the same number of merges, learned at once on the text of all the stages' domains."""
    learned = MergeList(tokens=list(byte_alphabet()))
    domains = sorted({domain for stage in params.stages.values() for domain in stage.domains})
    target = params.vocab_size - len(SPECIAL_TOKENS)
    continue_merges(learned, _sum(pieces[domain] for domain in domains), target)
    _require(len(learned.tokens) == target, "tokenizer.vocab_size", target, len(learned.tokens))
    return learned


def count_pieces(texts: Iterable[str], pre_tokenizer: PreTokenizer | None = None) -> Counter[str]:
    """How often each piece occurs that the pre-tokenizer cuts `texts` into."""
    cutter = pre_tokenizer or build_pre_tokenizer()
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(piece for piece, _ in cutter.pre_tokenize_str(text))
    return counts


def bytes_per_token(text: DomainText, tokenizer: Tokenizer) -> float:
    """Compression of a text. Exact: pieces are encoded independently of each other."""
    tokens = sum(count * len(tokenizer.model.tokenize(piece)) for piece, count in text.pieces.items())
    return text.size_bytes / tokens


def _read_split(split: str, params: TokenizerParams, context: StageContext) -> dict[str, DomainText]:
    """Up to `max_bytes_per_domain` of every domain of a split, whole documents in their order."""
    domains = sorted({domain for stage in params.stages.values() for domain in stage.domains})
    found: dict[str, DomainText] = {}
    for number, domain in enumerate(domains):
        directory = CURATED / split / domain
        pieces = count_pieces(_texts(directory, params.max_bytes_per_domain))
        if not pieces:
            raise BadInput(
                f"tokenizer.stages: domain {domain!r} has no documents in {directory}; drop the domain from its stage "
                "or add a source of it to corpus.sources"
            )
        found[domain] = DomainText(pieces=pieces, size_bytes=sum(len(p) * count for p, count in pieces.items()))
        context.progress.update(number + 1, len(domains), f"domains of {split} read")
    return found


def _texts(directory: Path, max_bytes: int) -> Iterator[str]:
    read_bytes = 0
    for document in read_documents(directory) if directory.is_dir() else ():
        if read_bytes >= max_bytes:
            return
        read_bytes += len(document.text.encode())
        yield document.text


def _by_split(figures: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, Mapping[str, float]]]:
    nested: dict[str, dict[str, Mapping[str, float]]] = {}
    for place, found in figures.items():
        split, _, domain = place.partition("/")
        nested.setdefault(split, {})[domain] = found
    return nested


def _sum(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in counts:
        total.update(part)
    return total


def _require(enough: bool, field: str, asked: int, found: int) -> None:
    if not enough:
        raise BadInput(
            f"{field}: the text has only {found} tokens to learn, {asked} are asked for; "
            "lower tokenizer.vocab_size or raise tokenizer.max_bytes_per_domain"
        )


def _write(tokenizer: Tokenizer, params: TokenizerParams) -> None:
    assert tokenizer.get_vocab_size(with_added_tokens=True) == params.vocab_size
    with write_directory(OUTPUT) as directory:
        tokenizer.save(str(directory / TOKENIZER_FILE))
        config: dict[str, Any] = tokenizer_config()
        write_json(directory / CONFIG_FILE, config)
        manifest = Manifest(
            producer=PRODUCER,
            shards=tuple(describe_shard(directory, directory / name) for name in (TOKENIZER_FILE, CONFIG_FILE)),
            facts={
                "sha256": sha256_file(directory / TOKENIZER_FILE),
                "vocab_size": params.vocab_size,
                "inputs": {CURATED.as_posix(): sha256_file(CURATED / MANIFEST)},
            },
        )
        write_manifest(directory, manifest)
