"""The stage `pretrain@NAME`: check, train to the token budget or until stopped, write the outputs once."""

from __future__ import annotations

import logging
import warnings
from dataclasses import replace
from typing import Any

import lightning.pytorch as lightning
import torch
from matplotlib.figure import Figure

from components.core.errors import BadInput, Interrupted
from components.core.params import OptimizerParams, RopeScaling
from components.core.stage import StageContext
from components.tokens import TrainingOrder
from components.training.callbacks import Checkpoints, MetricsLogger, ThroughputMonitor, TokenBudget
from components.training.checkpoint import curve, read_optimizer, write_trained
from components.training.data import TokenData
from components.training.execution import Execution
from components.training.interruption import StopRequest
from components.training.layout import OPTIMIZER_FILE, curve_file
from components.training.module import OptimizerState, PretrainModule, TrainingState
from components.training.optimizer import state_tensors
from components.training.preflight import StagePlan, plan_stage
from components.training.resume import ProgressStore, Snapshot, progress_store
from model.backends import default_backend
from model.config import Yarn
from model.exchange.hf import load_pretrained
from model.float8 import train_in_float8
from model.recompute import recompute_for


def run(context: StageContext, name: str) -> None:
    """Train curriculum stage `name` and write its outputs.

    Raises BadInput before training where something does not fit, Interrupted when told to stop (the work is saved),
    TrainingDiverged where the loss is no number.
    """
    execution = Execution.from_environment()
    with StopRequest() as stop:
        plan = plan_stage(context.params, name)
        execution.check(batch_rows=plan.stage.batch_rows, where=f"curriculum.{name}")
        with progress_store(plan.identity, shared=execution.rank > 0) as store:
            module = build_module(plan, context.params.optimizer, execution, store.newest())
            train(plan, module, execution, store, stop, context)
            if execution.rank > 0:
                return
            optimizer = state_tensors(module.raw_optimizers(), module.named_model_parameters())
            metrics = write_trained(plan, module.model, optimizer, module.state, deterministic=not execution.has_gpu)
            store.remove()
    _log_outcome(context, plan, module.state, metrics)


def build_module(
    plan: StagePlan,
    optimizer: OptimizerParams,
    execution: Execution,
    snapshot: Snapshot | None,
) -> PretrainModule:
    """The module at the start of the stage, or where `snapshot` left it."""
    device = torch.device("cuda" if execution.has_gpu else "cpu")
    model = load_pretrained(plan.predecessor, default_backend(device))
    model.recompute = recompute_for(plan.stage.sequence_tokens)
    model.config = replace(model.config, rope_theta=plan.stage.rope_theta, rope_scaling=_yarn(plan.stage.rope_scaling))
    if plan.stage.float8:
        try:
            train_in_float8(model, emulate=not execution.has_gpu)
        except ValueError as error:
            raise BadInput(f"curriculum.{plan.name}.float8 = true: {error}") from None
    if execution.compile_blocks:
        model.compile_blocks()
    inherited = read_optimizer(plan.predecessor)
    state, optimizer_state = TrainingState(), None
    if snapshot is not None:
        model.load_state_dict(snapshot.weights)
        state = snapshot.state
        optimizer_state = OptimizerState(tensors=snapshot.optimizer, origin="in-progress checkpoint")
    elif inherited is not None:
        optimizer_state = OptimizerState(tensors=inherited, origin=str(plan.predecessor / OPTIMIZER_FILE))
    return PretrainModule(
        model,
        optimizer=optimizer,
        schedule=plan.stage.schedule,
        step_tokens=plan.step_tokens,
        total_steps=plan.steps,
        state=state,
        optimizer_state=optimizer_state,
        micro_rows=execution.micro_rows,
    )


def _yarn(scaling: RopeScaling | None) -> Yarn | None:
    """Scores sharpened as a whole: the one form that llama.cpp computes too."""
    return None if scaling is None else Yarn(**scaling.model_dump(), mscale=1.0, mscale_all_dim=1.0)


def train(
    plan: StagePlan,
    module: PretrainModule,
    execution: Execution,
    store: ProgressStore,
    stop: StopRequest,
    context: StageContext,
) -> None:
    """Advance the module to the token budget. Raises Interrupted once a stop was asked for and the work is saved."""

    def save(trained: PretrainModule) -> None:
        if execution.rank == 0:
            store.save(_snapshot(trained))

    order = TrainingOrder(plan.token_directories, plan.mixture, plan.stage.sequence_tokens, plan.order_seed)
    data = TokenData(
        order,
        batch_rows=plan.stage.batch_rows,
        uniform=plan.stage.loss_weights == "uniform",
        first_step=module.state.steps,
    )
    checkpoints = Checkpoints(stop, every_s=execution.checkpoint_s, save=save)
    gpu_indices = tuple(range(execution.local_world_size)) if execution.has_gpu else ()
    callbacks = [
        TokenBudget(),
        ThroughputMonitor(gpu_indices),
        MetricsLogger(context.progress, context.tracker),
        checkpoints,
    ]
    trainer = _build_trainer(execution, callbacks)
    stop.hold()
    trainer.fit(module, datamodule=data)
    if checkpoints.stopped_by is not None:
        done = module.state.steps * plan.step_tokens
        raise Interrupted(
            f"{checkpoints.stopped_by} after {done:,} of {plan.steps * plan.step_tokens:,} tokens; the work is saved, "
            "the same command continues it"
        )
    assert module.state.steps == plan.steps


def _build_trainer(execution: Execution, callbacks: list[Any]) -> lightning.Trainer:
    """Lightning without its own logging and checkpoints: the tracked run and ProgressStore do both."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    # Rows come off a memory map; a worker process makes the loader eight times slower.
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    trainer = lightning.Trainer(
        accelerator="cuda" if execution.has_gpu else "cpu",
        devices=execution.local_world_size,
        num_nodes=execution.world_size // execution.local_world_size,
        strategy="ddp" if execution.world_size > 1 else "auto",
        # On a GPU the attention kernel takes 16-bit inputs alone; weights, gradients and sums stay in float32.
        precision="bf16-mixed" if execution.has_gpu else "32-true",
        # Attention's backward on a GPU has no deterministic kernel for every shape: there torch warns instead.
        deterministic="warn" if execution.has_gpu else True,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=callbacks,
    )
    # Deterministic mode would also fill every fresh tensor with NaN, a guard for readers of uninitialised memory.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a property there
    return trainer


def _snapshot(module: PretrainModule) -> Snapshot:
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in module.model.state_dict().items()}
    optimizer = state_tensors(module.raw_optimizers(), module.named_model_parameters())
    return Snapshot(state=module.state, weights=weights, optimizer=optimizer)


def _log_outcome(context: StageContext, plan: StagePlan, state: TrainingState, metrics: dict[str, Any]) -> None:
    """Figures that vary between honest runs go to the tracked run alone, beside the curve's picture."""
    tokens = state.steps * plan.step_tokens
    measured = {"seconds": state.seconds, "tokens_per_s": tokens / state.seconds}
    if state.energy_joules is not None:
        measured["energy_joules"] = state.energy_joules
    context.tracker.log_metrics({"final_loss": metrics["final_loss"], **measured}, tokens=tokens)
    context.tracker.log_artifact(curve_file(plan.name), "plots")
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*curve(state.losses, plan.step_tokens), strict=True))
    axes.set(xlabel="tokens", ylabel="loss, nats per weighted token", title=plan.name)
    axes.grid(alpha=0.3)
    context.tracker.log_figure(figure, "loss.png")
