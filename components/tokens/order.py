"""The order training reads rows in: a pure function of (shards, mixture, seed) and the global sample index.

Grain carries it: per domain a source of rows, shuffled anew each epoch and repeated without end, then mixed. World
size, workers and restarts do not enter: rank r of W reads the indices congruent to r modulo W, a restart goes on at
the next index, and the whole loader state is that one integer.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging as absl_logging

from components.core.errors import BadInput
from components.core.lineage import Manifest, read_manifest
from components.tokens.shards import TokenShard, open_shards

absl_logging.set_verbosity(absl_logging.ERROR)  # importing Grain warns that jax is missing, which nothing here uses
import grain  # noqa: E402

_SHARE_DENOMINATOR = 1_000_000  # shares are exact to a millionth


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One row as training reads it; L positions.

    `document_ids` number the row's documents from 0; -1 is padding. `positions` start at 0 in every document.
    `weights[t]` is the loss weight of token t as a target. The model predicts a token from those before it in the
    same document, so the first token of a document (its BOS) is no target: its weight is 0, as is padding's, and
    `sum(weights[1:])` counts the targets of uniform text.
    """

    ids: np.ndarray  # (L,) int64
    document_ids: np.ndarray  # (L,) int32
    positions: np.ndarray  # (L,) int64
    weights: np.ndarray  # (L,) float32
    domain: str
    row: int


class TrainingOrder:
    """Rows without end, by global sample index. Raises BadInput before the first row where shards are missing or
    corrupt, were made with different tokenizers, or hold no row of a domain the mixture asks for."""

    def __init__(self, directories: Sequence[Path], mixture: Mapping[str, float], row_tokens: int, seed: int) -> None:
        manifests = {directory: read_manifest(directory) for directory in directories}
        self.facts = _agreed_facts(manifests)
        shares = exact_shares(mixture)
        self.domain_rows: dict[str, int] = {}
        datasets = []
        for domain in shares:
            source = _DomainRows(domain, _open(manifests, domain, row_tokens))
            self.domain_rows[domain] = len(source)
            datasets.append(
                grain.MapDataset.source(source).shuffle(seed=_domain_seed(seed, domain)).repeat(reseed_each_epoch=True)
            )
        self._rows = grain.MapDataset.select_from_datasets(datasets, MixtureMap(tuple(shares.values())))

    def __getitem__(self, index: int) -> Sample:
        assert index >= 0, "sample indices count from 0"
        sample: Sample = self._rows[index]
        return sample


class MixtureMap(grain.transforms.DatasetSelectionMap):
    """Which domain gives sample `index`, and which of its samples that is.

    `weights` are whole numbers; any window of `sum(weights)` samples that starts at a multiple of it holds exactly
    `weights[i]` of domain i, and within a window the domains are spread evenly. (Grain's own `mix` rounds weights down
    to hundredths of the smallest, so 0.35 beside 0.05 becomes 0.3496.)
    """

    def __init__(self, weights: tuple[int, ...]) -> None:
        self.weights = weights

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: int) -> tuple[int, int]:
        # Domain by domain: of the first n samples left by those before it, the domain takes its share, rounded up.
        # Sample `index` belongs to the first domain that takes one more of n + 1 samples than of n.
        before, through = index, index + 1
        remaining = sum(self.weights)
        for number, weight in enumerate(self.weights):
            left_before = before * (remaining - weight) // remaining
            left_through = through * (remaining - weight) // remaining
            if left_before == left_through:
                return number, before - left_before
            before, through = left_before, left_through
            remaining -= weight
        raise AssertionError("the last domain takes what is left")


class _DomainRows:
    """Random access to one domain's rows, as Grain asks of a source."""

    def __init__(self, domain: str, shards: Sequence[TokenShard]) -> None:
        self._domain = domain
        self._shards = shards
        self._starts = np.cumsum([0, *(len(shard) for shard in shards)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, row: int) -> Sample:
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        shard, local = self._shards[number], row - int(self._starts[number])
        return build_sample(
            shard.ids_RL[local],
            shard.row_ends(local),
            None if shard.weights_RL is None else shard.weights_RL[local],
            domain=self._domain,
            row=row,
        )


def build_sample(ids_L: np.ndarray, ends: np.ndarray, weights_L: np.ndarray | None, *, domain: str, row: int) -> Sample:
    """Document numbers, positions and target weights of one stored row."""
    length = len(ids_L)
    starts = np.concatenate(([0], ends[:-1]))
    lengths = ends - starts
    used = int(ends[-1])
    document_ids = np.full(length, -1, dtype=np.int32)
    document_ids[:used] = np.repeat(np.arange(len(ends), dtype=np.int32), lengths)
    positions = np.zeros(length, dtype=np.int64)
    positions[:used] = np.arange(used) - np.repeat(starts, lengths)
    weights = np.zeros(length, dtype=np.float32)
    weights[:used] = 1 if weights_L is None else weights_L[:used]
    weights[starts] = 0
    return Sample(
        ids=ids_L.astype(np.int64),
        document_ids=document_ids,
        positions=positions,
        weights=weights,
        domain=domain,
        row=row,
    )


def exact_shares(mixture: Mapping[str, float]) -> dict[str, int]:
    """Shares as whole numbers without a common factor, in the order of the domains' names. 0.35 is taken as 7/20."""
    chosen = {
        domain: Fraction(share).limit_denominator(_SHARE_DENOMINATOR)
        for domain, share in sorted(mixture.items())
        if share > 0
    }
    if not chosen:
        raise BadInput(f"mixture = {dict(mixture)}: no domain has a share above 0; give at least one")
    scale = lcm(*(share.denominator for share in chosen.values()))
    counts = {domain: int(share * scale) for domain, share in chosen.items()}
    common = gcd(*counts.values())
    return {domain: count // common for domain, count in counts.items()}


def _agreed_facts(manifests: Mapping[Path, Manifest]) -> dict[str, Any]:
    """The facts of the first directory, which all must share where they concern the tokenizer."""
    assert manifests, "at least one directory of token shards"
    first, *others = manifests
    for other in others:
        for fact in ("tokenizer_sha256", "vocab_size"):
            ours, theirs = manifests[first].facts.get(fact), manifests[other].facts.get(fact)
            if ours != theirs:
                raise BadInput(
                    f"{other}: {fact} = {theirs!r}, but {first} was made with {ours!r}; run `dvc repro` for both so "
                    "that one tokenizer made all token shards"
                )
    return dict(manifests[first].facts)


def _open(manifests: Mapping[Path, Manifest], domain: str, row_tokens: int) -> list[TokenShard]:
    shards = [
        shard
        for directory, manifest in manifests.items()
        for shard in open_shards(directory, manifest, domain, row_tokens)
    ]
    if not sum(len(shard) for shard in shards):
        held = sorted({shard.name.rpartition("/")[0] for manifest in manifests.values() for shard in manifest.shards})
        raise BadInput(
            f"mixture.{domain}: no rows of {row_tokens} tokens in {', '.join(str(path) for path in manifests)} "
            f"(they hold {', '.join(held) or 'nothing'}); drop the domain or tokenize it"
        )
    return shards


def _domain_seed(seed: int, domain: str) -> int:
    """A seed of its own for each domain, 32 bits. Grain adds the epoch number to it."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{domain}".encode()).digest()[:4], "big")
