"""What happens around the steps: the token budget, reports, in-progress checkpoints, requests to stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import lightning.pytorch as lightning
import torch

from components.core.progress import Progress
from components.core.tracking import StageTracker
from components.training.energy import EnergyMeter
from components.training.interruption import StopRequest
from components.training.module import PretrainModule

_LOG_EVERY_STEPS = 5
_LOG_POINTS = 1000  # a curve of more points than this is thinned: MLflow reads whole histories


class TokenBudget(lightning.Callback):
    """Ends training at the step that reaches the token budget."""

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any) -> None:
        assert isinstance(pl_module, PretrainModule)
        if pl_module.state.steps >= pl_module.total_steps:
            trainer.should_stop = True


class ThroughputMonitor(lightning.Callback):
    """Adds seconds and joules of the steps to the training state, which holds those of earlier runs of the stage."""

    def __init__(self, gpu_indices: tuple[int, ...]) -> None:
        self.gpu_indices = gpu_indices

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert isinstance(pl_module, PretrainModule)
        state = pl_module.state
        self.meter = EnergyMeter(self.gpu_indices)
        self.before_s, self.before_joules = state.seconds, state.energy_joules or 0.0
        self.started_s = time.monotonic()

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any) -> None:
        assert isinstance(pl_module, PretrainModule)
        pl_module.state.seconds = self.before_s + time.monotonic() - self.started_s
        joules = self.meter.joules()
        pl_module.state.energy_joules = None if joules is None else self.before_joules + joules


class MetricsLogger(lightning.Callback):
    """Progress in tokens at every step, metrics on the token axis every few; on the first rank alone."""

    def __init__(self, progress: Progress, tracker: StageTracker) -> None:
        self.progress = progress
        self.tracker = tracker
        self.logged_tokens = 0
        self.logged_s = 0.0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert isinstance(pl_module, PretrainModule)
        self.logged_tokens = pl_module.state.steps * pl_module.step_tokens
        self.logged_s = pl_module.state.seconds

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any) -> None:
        assert isinstance(pl_module, PretrainModule)
        if not trainer.is_global_zero:
            return
        state, last = pl_module.state, pl_module.last_metrics
        assert last is not None
        tokens = state.steps * pl_module.step_tokens
        self.progress.update(tokens, pl_module.total_steps * pl_module.step_tokens, "tokens", loss=last.loss)
        every = max(_LOG_EVERY_STEPS, pl_module.total_steps // _LOG_POINTS)
        if state.steps % every == 0 or state.steps == pl_module.total_steps:
            metrics = {
                "loss": last.loss,
                "lr_multiplier": last.lr_multiplier,
                "gradient_norm": last.grad_norm,
                "tokens_per_s": (tokens - self.logged_tokens) / (state.seconds - self.logged_s),
            }
            self.tracker.log_metrics(metrics, tokens=tokens)
            self.logged_tokens, self.logged_s = tokens, state.seconds


class Checkpoints(lightning.Callback):
    """Saves every so many seconds, and once more on a request to stop, which then ends training.

    All ranks decide together, at a step boundary; `save` is called on every rank. It must be the last callback.
    """

    def __init__(self, stop: StopRequest, *, every_s: float, save: Callable[[PretrainModule], None]) -> None:
        self.stop = stop
        self.every_s = every_s
        self.save = save
        self.stopped_by: str | None = None
        self.saved_s = time.monotonic()

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.stop.listen()  # Lightning has put its own handler there by now

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any) -> None:
        assert isinstance(pl_module, PretrainModule)
        if pl_module.state.steps >= pl_module.total_steps:
            return  # the output follows at once
        stop, due = _any_rank(trainer, self.stop.received is not None, time.monotonic() - self.saved_s >= self.every_s)
        if stop or due:
            self.save(pl_module)
            self.saved_s = time.monotonic()
        if stop:
            self.stopped_by = self.stop.received or "another rank's signal"
            trainer.should_stop = True


def _any_rank(trainer: lightning.Trainer, *flags: bool) -> list[bool]:
    """Each flag raised on any rank."""
    if trainer.world_size == 1:
        return list(flags)
    raised = torch.tensor([int(flag) for flag in flags], device=trainer.strategy.root_device)
    torch.distributed.all_reduce(raised, op=torch.distributed.ReduceOp.MAX)
    return [bool(flag) for flag in raised.tolist()]
