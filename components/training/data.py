"""Batches of packed rows, by step number. The loader's whole state is that number.

Step s trains the samples s * batch_rows to (s + 1) * batch_rows - 1 of the training order; of W ranks, rank r takes
those whose index is congruent to r modulo W. No worker processes: a row comes off a memory map in microseconds.

Legend: B rows of this rank, L tokens per row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Protocol

import lightning.pytorch as lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from components.tokens import Sample


class Order(Protocol):
    """Samples by global index (`components.tokens.TrainingOrder`)."""

    def __getitem__(self, index: int) -> Sample: ...


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One rank's share of an optimizer batch. `targets_BL[b, t]` is the token after t, at weight 0 where that token
    is padding, starts another document, or is not trained. `rows` names where each row came from."""

    ids_BL: Tensor
    document_ids_BL: Tensor
    positions_BL: Tensor
    targets_BL: Tensor
    weights_BL: Tensor
    rows: tuple[tuple[str, int], ...]

    def to(self, device: torch.device) -> Batch:
        return self._map(lambda tensor: tensor.to(device))

    def split(self, micro_rows: int) -> list[Batch]:
        """The same rows in order, at most `micro_rows` at a time."""
        cuts = [slice(start, start + micro_rows) for start in range(0, len(self.rows), micro_rows)]
        return [replace(self._map(itemgetter(cut)), rows=self.rows[cut]) for cut in cuts]

    def _map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return replace(
            self,
            ids_BL=change(self.ids_BL),
            document_ids_BL=change(self.document_ids_BL),
            positions_BL=change(self.positions_BL),
            targets_BL=change(self.targets_BL),
            weights_BL=change(self.weights_BL),
        )


def collate(samples: list[Sample], *, uniform: bool) -> Batch:
    """Stack samples and shift targets. `uniform` weighs every token that follows another of its document by 1,
    whatever weights the rows carry."""
    ids_BL = np.stack([sample.ids for sample in samples])
    document_ids_BL = np.stack([sample.document_ids for sample in samples])
    positions_BL = np.stack([sample.positions for sample in samples])
    targets_BL = np.zeros_like(ids_BL)
    targets_BL[:, :-1] = ids_BL[:, 1:]
    follows_BL = (document_ids_BL[:, 1:] == document_ids_BL[:, :-1]) & (document_ids_BL[:, 1:] >= 0)
    weights_BL = np.zeros(ids_BL.shape, dtype=np.float32)
    weights_BL[:, :-1] = follows_BL if uniform else follows_BL * np.stack([sample.weights[1:] for sample in samples])
    return Batch(
        ids_BL=torch.from_numpy(ids_BL),
        document_ids_BL=torch.from_numpy(document_ids_BL),
        positions_BL=torch.from_numpy(positions_BL),
        targets_BL=torch.from_numpy(targets_BL),
        weights_BL=torch.from_numpy(weights_BL),
        rows=tuple((sample.domain, sample.row) for sample in samples),
    )


@dataclass(frozen=True, kw_only=True)
class StepBatches(IterableDataset[Batch]):
    """One rank's batches from step `first_step` on, without end."""

    order: Order
    batch_rows: int  # over all ranks
    uniform: bool
    first_step: int
    rank: int
    world_size: int

    def __iter__(self) -> Iterator[Batch]:
        step = self.first_step
        while True:
            indices = range(step * self.batch_rows + self.rank, (step + 1) * self.batch_rows, self.world_size)
            yield collate([self.order[index] for index in indices], uniform=self.uniform)
            step += 1


class TokenData(lightning.LightningDataModule):
    """Lightning's view of a training order, begun at `first_step`."""

    def __init__(self, order: Order, *, batch_rows: int, uniform: bool, first_step: int) -> None:
        super().__init__()
        self.order = order
        self.batch_rows = batch_rows
        self.uniform = uniform
        self.first_step = first_step

    def train_dataloader(self) -> DataLoader[Batch]:
        assert self.trainer is not None
        batches = StepBatches(
            order=self.order,
            batch_rows=self.batch_rows,
            uniform=self.uniform,
            first_step=self.first_step,
            rank=self.trainer.global_rank,
            world_size=self.trainer.world_size,
        )
        return DataLoader(batches, batch_size=None, num_workers=0)
