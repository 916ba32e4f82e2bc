"""One optimizer step of pre-training, as Lightning runs it.

Optimisation is manual: two optimizers share a step, and the loss is a mean over the weights of the whole optimizer
batch, across micro-batches and ranks, so neither how a batch is cut nor how many devices share it changes the loss.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import lightning.pytorch as lightning
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from components.core.params import LearningRateSchedule, OptimizerParams
from components.training.data import Batch
from components.training.optimizer import build_optimizers, load_state_tensors, set_lr_multiplier
from components.training.schedule import lr_multiplier
from model import MLATransformer
from model.loss import linear_cross_entropy


class TrainingDiverged(Exception):
    """The loss or its gradient is no finite number; nothing of this step was kept."""


@dataclass(kw_only=True)
class TrainingState:
    """How far a stage has come. With weights and optimizer state, all that resuming needs."""

    steps: int = 0
    losses: list[float] = field(default_factory=list)  # one a step, nats per weighted token
    rows_by_domain: dict[str, int] = field(default_factory=dict)
    targets: float = 0.0  # sum of loss weights so far
    seconds: float = 0.0
    energy_joules: float | None = None  # None: no counter on this machine


@dataclass(frozen=True, kw_only=True)
class StepMetrics:
    """What the last step was like."""

    loss: float
    grad_norm: float
    lr_multiplier: float


@dataclass(frozen=True, kw_only=True)
class OptimizerState:
    """State to begin from, and where it came from."""

    tensors: dict[str, Tensor]
    origin: str


class PretrainModule(lightning.LightningModule):
    """The model with its two optimizers and the stage's schedule; `state` advances with every step."""

    def __init__(
        self,
        model: MLATransformer,
        *,
        optimizer: OptimizerParams,
        schedule: LearningRateSchedule,
        step_tokens: int,
        total_steps: int,
        state: TrainingState,
        optimizer_state: OptimizerState | None = None,
        micro_rows: int | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model = model
        self.optimizer_params = optimizer
        self.schedule = schedule
        self.step_tokens = step_tokens
        self.total_steps = total_steps
        self.state = state
        self.optimizer_state = optimizer_state
        self.micro_rows = micro_rows
        self.last_metrics: StepMetrics | None = None

    def named_model_parameters(self) -> dict[str, nn.Parameter]:
        """Parameters by the model's own names."""
        return dict(self.model.named_parameters())

    def raw_optimizers(self) -> list[torch.optim.Optimizer]:
        """The optimizers without Lightning's wrappers."""
        return list(self.trainer.optimizers)

    def configure_optimizers(self) -> Any:
        """Called by Lightning once the weights lie on their device."""
        named = self.named_model_parameters()
        optimizers = build_optimizers(named, self.model.head_weight, self.optimizer_params)
        if self.optimizer_state is not None:
            load_state_tensors(optimizers, named, self.optimizer_state.tensors, self.optimizer_state.origin)
            self.optimizer_state = None  # the optimizers hold copies
        return list(optimizers)

    def training_step(self, batch: Batch, _batch_index: int) -> None:
        """Forward and backward over the whole batch, then one step of both optimizers. Raises TrainingDiverged."""
        step_tokens = (self.state.steps + 1) * self.step_tokens
        multiplier = lr_multiplier(self.schedule, step_tokens, self.total_steps * self.step_tokens)
        weight_sum = self._sum_over_ranks(batch.weights_BL.sum(dtype=torch.float64))
        if weight_sum == 0:
            raise TrainingDiverged(f"{self._where(batch)}: no token of the batch has a loss weight")
        loss_sum = torch.zeros((), dtype=torch.float64)
        for micro in batch.split(self.micro_rows or len(batch.rows)):
            micro_loss_sum = self._loss_sum(micro)
            loss_sum += micro_loss_sum.detach().double().cpu()
            # Ranks' gradients are averaged where the loss is a sum over ranks: hence the world size.
            self.manual_backward(micro_loss_sum * (self.trainer.world_size / weight_sum))
        loss = self._sum_over_ranks(loss_sum) / weight_sum
        grad_norm = float(clip_grad_norm_(self.model.parameters(), self.optimizer_params.grad_clip))
        if not (math.isfinite(loss) and math.isfinite(grad_norm)):
            raise TrainingDiverged(f"{self._where(batch)}: loss = {loss}, gradient norm = {grad_norm}")
        set_lr_multiplier(self.raw_optimizers(), multiplier)
        optimizers = self.optimizers()
        assert isinstance(optimizers, list)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self._advance(batch, loss, weight_sum)
        self.last_metrics = StepMetrics(loss=loss, grad_norm=grad_norm, lr_multiplier=multiplier)

    def _loss_sum(self, batch: Batch) -> Tensor:
        """Weighted sum of the tokens' losses in nats."""
        hidden_BLE = self.model.hidden(
            batch.ids_BL, document_ids_BL=batch.document_ids_BL, positions_BL=batch.positions_BL
        )
        loss_sum, _ = linear_cross_entropy(
            hidden_BLE.flatten(0, 1), self.model.head_weight, batch.targets_BL.flatten(), batch.weights_BL.flatten()
        )
        return loss_sum

    def _sum_over_ranks(self, value: Tensor) -> float:
        if self.trainer.world_size == 1:
            return float(value)
        total = value.to(self.device)
        torch.distributed.all_reduce(total)
        return float(total)

    def _advance(self, batch: Batch, loss: float, weight_sum: float) -> None:
        state = self.state
        state.steps += 1
        state.losses.append(loss)
        state.targets += weight_sum
        for domain, _ in self._all_rows(batch):
            state.rows_by_domain[domain] = state.rows_by_domain.get(domain, 0) + 1

    def _all_rows(self, batch: Batch) -> list[tuple[str, int]]:
        """The rows of the optimizer batch, of all ranks."""
        if self.trainer.world_size == 1:
            return list(batch.rows)
        gathered: list[Any] = [None] * self.trainer.world_size
        torch.distributed.all_gather_object(gathered, batch.rows)
        return [row for rows in gathered for row in rows]

    def _where(self, batch: Batch) -> str:
        rows = ", ".join(f"{domain}[{row}]" for domain, row in batch.rows)
        return f"step {self.state.steps + 1} of {self.total_steps}, rows {rows}"
