"""One optimizer step: the loss is a mean over weights of the whole batch, however the batch is cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lightning.pytorch as lightning
import pytest
import torch
import torch.nn.functional as F
from training_workspace import raw_params

from components.core.params import Params, load, parse
from components.tokens import TrainingOrder
from components.training.callbacks import TokenBudget
from components.training.data import TokenData
from components.training.execution import Execution
from components.training.loop import build_module
from components.training.module import PretrainModule, TrainingDiverged
from components.training.preflight import StagePlan, plan_stage
from model.exchange.hf import load_pretrained


def plan_of_steps(params: Params, name: str, steps: int) -> StagePlan:
    plan = plan_stage(params, name)
    return replace(plan, stage=plan.stage.model_copy(update={"token_budget": steps * plan.step_tokens}))


def order_of(plan: StagePlan) -> TrainingOrder:
    return TrainingOrder(plan.token_directories, plan.mixture, plan.stage.sequence_tokens, plan.order_seed)


def fit(plan: StagePlan, params: Params, micro_rows: int | None = None) -> PretrainModule:
    """Train the planned steps without files or reports."""
    module = build_module(plan, params.optimizer, Execution(micro_rows=micro_rows), None)
    uniform = plan.stage.loss_weights == "uniform"
    data = TokenData(order_of(plan), batch_rows=plan.stage.batch_rows, uniform=uniform, first_step=0)
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[TokenBudget()],
    )
    trainer.fit(module, datamodule=data)
    return module


@torch.no_grad()
def independent_loss(plan: StagePlan) -> tuple[float, float]:
    """Weighted mean loss of the first batch and its sum of weights: each document by itself, in float64."""
    model = load_pretrained(plan.predecessor).double()
    model.config = replace(model.config, rope_theta=plan.stage.rope_theta)
    order = order_of(plan)
    total = weight_sum = 0.0
    for index in range(plan.stage.batch_rows):
        sample = order[index]
        for document in range(sample.document_ids.max() + 1):
            chosen = sample.document_ids == document
            ids = torch.from_numpy(sample.ids[chosen])
            if len(ids) < 2:
                continue
            weights = torch.from_numpy(sample.weights[chosen]).double()[1:]
            losses = F.cross_entropy(model(ids[None, :-1])[0], ids[1:], reduction="none")
            total += float((losses * weights).sum())
            weight_sum += float(weights.sum())
    return total / weight_sum, weight_sum


def test_the_loss_is_the_mean_over_all_tokens_that_follow_another(workspace: Path) -> None:
    params = load()
    plan = plan_of_steps(params, "first", 1)
    loss, weight_sum = independent_loss(plan)
    module = fit(plan, params)
    assert module.state.losses == [pytest.approx(loss, rel=1e-5)]
    assert module.state.targets == weight_sum == round(weight_sum)


def test_span_weights_weigh_the_loss(workspace: Path) -> None:
    raw = raw_params()
    raw["curriculum"]["second"] |= {"init_from": "init"}
    params = parse(raw)
    plan = plan_of_steps(params, "second", 1)
    assert {order_of(plan)[index].domain for index in range(plan.stage.batch_rows)} == {"agent_math", "general"}
    loss, weight_sum = independent_loss(plan)
    module = fit(plan, params)
    assert module.state.losses == [pytest.approx(loss, rel=1e-5)]
    assert module.state.targets == pytest.approx(weight_sum)


@pytest.mark.parametrize("micro_rows", [1, 3])
def test_micro_batches_change_neither_loss_nor_gradient(workspace: Path, micro_rows: int) -> None:
    params = load()
    plan = plan_of_steps(params, "first", 1)
    whole, cut = fit(plan, params), fit(plan, params, micro_rows)
    assert whole.last_metrics is not None and cut.last_metrics is not None
    assert cut.last_metrics.loss == pytest.approx(whole.last_metrics.loss, rel=1e-6)
    assert cut.last_metrics.grad_norm == pytest.approx(whole.last_metrics.grad_norm, rel=1e-5)


def test_the_stage_trains_with_its_own_rope_base(workspace: Path) -> None:
    raw = raw_params()
    raw["curriculum"]["first"]["rope_theta"] = 12345.0
    raw["curriculum"]["second"]["rope_theta"] = 12345.0
    params = parse(raw)
    module = build_module(plan_stage(params, "first"), params.optimizer, Execution(), None)
    assert module.model.config.rope_theta == 12345.0


def test_training_stops_at_the_step_that_reaches_the_budget(workspace: Path) -> None:
    params = load()
    plan = plan_stage(params, "first")
    plan = replace(plan, stage=plan.stage.model_copy(update={"token_budget": 2 * plan.step_tokens + 1}))
    module = fit(plan, params)
    assert plan.steps == module.state.steps == len(module.state.losses) == 3
    assert sum(module.state.rows_by_domain.values()) == 3 * plan.stage.batch_rows


def test_a_loss_that_is_no_number_ends_training_and_names_step_and_rows(workspace: Path) -> None:
    params = load()
    params = params.model_copy(update={"optimizer": params.optimizer.model_copy(update={"adamw_lr": float("inf")})})
    with pytest.raises(TrainingDiverged, match=r"step 2 of 3, rows .*(general|code)\[\d+\]"):
        fit(plan_of_steps(params, "first", 3), params)
