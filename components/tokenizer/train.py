"""The stage `train_tokenizer`: curated text to `artifacts/tokenizer` and `metrics/tokenizer.json`.

The vocabulary grows stage by stage (general, then Chinese, then code and mathematics): a stage sees its own domains
alone and receives a fixed share of the merges, so a small domain is not crowded out by a large one. The report sets
the outcome beside one stage over all domains, same size, same text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import PreTokenizer

from components.core.errors import BadInput
from components.core.files import write_directory, write_json
from components.core.lineage import (
    MANIFEST,
    Manifest,
    describe_shard,
    read_manifest,
    sha256_file,
    verify,
    write_manifest,
)
from components.core.params import Domain, TokenizerParams
from components.core.special_tokens import SPECIAL_TOKENS
from components.core.stage import StageContext
from components.core.tracking import flatten
from components.corpus.documents import read_documents
from components.tokenizer.bpe import MergeList, continue_merges
from components.tokenizer.pretokenizer import build_pre_tokenizer, byte_alphabet
from components.tokenizer.text import CONFIG_FILE, PRODUCER, TOKENIZER_FILE, build_tokenizer, tokenizer_config

CURATED = Path("data/curated")
OUTPUT = Path("artifacts/tokenizer")
METRICS = Path("metrics/tokenizer.json")
AGENT: Domain = "agent"


@dataclass(frozen=True, kw_only=True)
class DomainText:
    """What a domain's text is to a tokenizer: its distinct pieces with their counts."""

    pieces: Mapping[str, int]
    size_bytes: int


AgentTexts = Callable[[int], Iterator[str]]  # up to so many bytes of what agents read and write


def run(context: StageContext, agent_texts: AgentTexts) -> None:
    """Train, compare with the single-stage baseline, write. Raises BadInput before anything is written."""
    params = context.params.tokenizer
    curated = read_manifest(CURATED, "curate")
    verify(CURATED, curated)
    train = _read_split("train", params, curated, context, agent_texts)
    held_out = _read_split("heldout", params, curated, context, agent_texts)
    pieces = {domain: text.pieces for domain, text in train.items()}
    staged, sizes = learn_stages(params, pieces)
    tokenizer, baseline = build_tokenizer(staged), build_tokenizer(learn_single_stage(params, pieces))
    compression = {
        split: {domain: _compare(text, tokenizer, baseline) for domain, text in domains.items()}
        for split, domains in (("train", train), ("held_out", held_out))
    }
    _write(tokenizer, params)
    write_json(METRICS, {"vocab_size": params.vocab_size, "tokens_learned": sizes, "bytes_per_token": compression})
    context.tracker.log_metrics(flatten(compression, "bytes_per_token"))


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


def learn_tokenizer(texts: Iterable[str], vocab_size: int, *, min_count: int = 2) -> Tokenizer:
    """A tokenizer of at most `vocab_size` entries, special tokens included; of bytes alone without texts."""
    learned = MergeList(tokens=list(byte_alphabet()))
    continue_merges(learned, count_pieces(texts), vocab_size - len(SPECIAL_TOKENS), min_count)
    return build_tokenizer(learned)


def bytes_per_token(text: DomainText, tokenizer: Tokenizer) -> float:
    """Compression of a text. Exact: pieces are encoded independently of each other."""
    tokens = sum(count * len(tokenizer.model.tokenize(piece)) for piece, count in text.pieces.items())
    return text.size_bytes / tokens


def _read_split(
    split: str, params: TokenizerParams, curated: Manifest, context: StageContext, agent_texts: AgentTexts
) -> dict[str, DomainText]:
    """Up to `max_bytes_per_domain` of each domain's text in a split.

    A domain may have no held-out documents (a few long books); in the training split it must have some. Agent text is
    training trajectories; held-out ones exist as tasks only, so they have no text yet.
    """
    domains = sorted({domain for stage in params.stages.values() for domain in stage.domains})
    found: dict[str, DomainText] = {}
    for number, domain in enumerate(domains):
        if domain == AGENT:
            if split == "train":
                found[domain] = _domain_text(agent_texts(params.max_bytes_per_domain))
        elif any(shard.name.startswith(f"{split}/{domain}/") for shard in curated.shards):
            found[domain] = _domain_text(sample_texts(CURATED / split / domain, params.max_bytes_per_domain))
        elif split == "train":
            raise BadInput(
                f"tokenizer.stages: domain {domain!r} has no documents in {CURATED / split}; drop the domain from its "
                "stage or add a source of it to corpus.sources"
            )
        context.progress.update(number + 1, len(domains), f"domains of {split} read")
    return found


def _domain_text(texts: Iterable[str]) -> DomainText:
    pieces = count_pieces(texts)
    # Pieces are in the byte alphabet: one character is one byte.
    return DomainText(pieces=pieces, size_bytes=sum(len(piece) * count for piece, count in pieces.items()))


def sample_texts(directory: Path, max_bytes: int) -> Iterator[str]:
    """Whole documents of a domain up to `max_bytes`, chosen by id: a fair sample of its sources, not the first one."""
    sizes = sorted((document.id, len(document.text.encode())) for document in read_documents(directory))
    before = accumulate((size for _, size in sizes), initial=0)
    chosen = {name for (name, _), read_bytes in zip(sizes, before, strict=False) if read_bytes < max_bytes}
    return (document.text for document in read_documents(directory) if document.id in chosen)


def _compare(text: DomainText, tokenizer: Tokenizer, baseline: Tokenizer) -> dict[str, float]:
    return {
        "multi_stage": bytes_per_token(text, tokenizer),
        "single_stage": bytes_per_token(text, baseline),
        "text_bytes": text.size_bytes,
    }


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
