"""Muon and AdamW against their formulas, and their state as tensors."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from components.core.errors import BadInput
from components.core.params import OptimizerParams
from components.training.muon import Muon, orthogonalise
from components.training.optimizer import build_optimizers, load_state_tensors, set_lr_multiplier, state_tensors

PARAMS = OptimizerParams(muon_lr=0.02, muon_momentum=0.9, adamw_lr=0.01, weight_decay=0.1, grad_clip=1.0)


def parameters() -> dict[str, nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    shapes = {"embedding": (10, 6), "tall": (12, 4), "wide": (4, 12), "square": (6, 6), "norm": (6,)}
    return {name: nn.Parameter(torch.randn(shape, generator=generator)) for name, shape in shapes.items()}


def give_gradients(named: dict[str, nn.Parameter], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in named.values():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def step(named: dict[str, nn.Parameter], optimizers: tuple[torch.optim.Optimizer, ...], seed: int) -> None:
    give_gradients(named, seed)
    for optimizer in optimizers:
        optimizer.step()


def test_matrices_move_by_the_nearest_orthogonal_matrix() -> None:
    """The first Muon step against an exact one by singular values; five Newton-Schulz rounds reach 0.7 to 1.2 of it."""
    named = parameters()
    before = {name: parameter.detach().clone() for name, parameter in named.items()}
    step(named, build_optimizers(named, named["embedding"], PARAMS), seed=1)
    for name in ("tall", "wide", "square"):
        rows, columns = before[name].shape
        scale = PARAMS.muon_lr * math.sqrt(max(1, rows / columns))
        decayed = before[name] * (1 - PARAMS.muon_lr * PARAMS.weight_decay)
        update = (decayed - named[name].detach()).double() / scale
        gradient = named[name].grad
        assert gradient is not None
        left, _, right = torch.linalg.svd(gradient.double(), full_matrices=False)
        # In the gradient's own singular bases the update is diagonal, with entries near one.
        inner = left.T @ update @ right.T
        assert ((inner.diagonal() > 0.6) & (inner.diagonal() < 1.3)).all()
        assert (inner - inner.diagonal().diag()).abs().max() < 0.05


def test_muon_in_bfloat16_gives_the_bytes_of_torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.training.muon.orthogonalisation_dtype", lambda device: torch.bfloat16)
    ours, theirs = parameters(), parameters()
    matrices = [name for name, parameter in ours.items() if parameter.ndim == 2]
    settings: dict[str, Any] = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1, "adjust_lr_fn": "original"}
    optimizers = (
        Muon([ours[name] for name in matrices], **settings),
        torch.optim.Muon([theirs[name] for name in matrices], **settings),
    )
    for seed in range(3):
        for named, optimizer in zip((ours, theirs), optimizers, strict=True):
            step(named, (optimizer,), seed)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_muon_in_float32_takes_nearly_the_same_step() -> None:
    matrix = torch.randn(24, 16, generator=torch.Generator().manual_seed(5))
    group = {"ns_coefficients": (3.4445, -4.7750, 2.0315), "ns_steps": 5, "eps": 1e-7}
    exact, rounded = (orthogonalise(matrix, dtype, group).float() for dtype in (torch.float32, torch.bfloat16))
    assert (exact - rounded).norm() / exact.norm() < 0.02


def test_embedding_and_norms_follow_adamw_and_norms_do_not_decay() -> None:
    named = parameters()
    expected = {name: named[name].detach().double().clone() for name in ("embedding", "norm")}
    moments = {name: (torch.zeros_like(value), torch.zeros_like(value)) for name, value in expected.items()}
    optimizers = build_optimizers(named, named["embedding"], PARAMS)
    first_beta, second_beta = PARAMS.adamw_betas
    for number in range(1, 4):
        set_lr_multiplier(optimizers, 0.5)
        step(named, optimizers, seed=number)
        for name, value in expected.items():
            gradient = named[name].grad
            assert gradient is not None
            first, second = moments[name]
            first.mul_(first_beta).add_(gradient.double(), alpha=1 - first_beta)
            second.mul_(second_beta).add_(gradient.double() ** 2, alpha=1 - second_beta)
            rate = 0.5 * PARAMS.adamw_lr
            value *= 1 - rate * (PARAMS.weight_decay if name == "embedding" else 0)
            denominator = (second / (1 - second_beta**number)).sqrt() + 1e-8
            value -= rate * (first / (1 - first_beta**number)) / denominator
    for name, value in expected.items():
        torch.testing.assert_close(named[name].detach().double(), value, rtol=1e-5, atol=1e-6)


def test_a_factor_of_zero_moves_nothing() -> None:
    named = parameters()
    before = {name: parameter.detach().clone() for name, parameter in named.items()}
    optimizers = build_optimizers(named, named["embedding"], PARAMS)
    set_lr_multiplier(optimizers, 0.0)
    step(named, optimizers, seed=1)
    assert all(torch.equal(before[name], parameter) for name, parameter in named.items())


def test_state_carried_over_as_tensors_continues_bit_for_bit() -> None:
    named = parameters()
    optimizers = build_optimizers(named, named["embedding"], PARAMS)
    step(named, optimizers, seed=1)
    copy = {name: nn.Parameter(parameter.detach().clone()) for name, parameter in named.items()}
    resumed = build_optimizers(copy, copy["embedding"], PARAMS)
    tensors = state_tensors(optimizers, named)
    assert {"tall.momentum_buffer", "embedding.exp_avg", "norm.step"} <= tensors.keys()
    load_state_tensors(resumed, copy, tensors, "state")
    for number in (2, 3):
        step(named, optimizers, number)
        step(copy, resumed, number)
    assert all(torch.equal(parameter, copy[name]) for name, parameter in named.items())


@pytest.mark.parametrize("change", ["missing", "foreign", "misshapen"])
def test_state_of_another_model_is_refused_by_name(change: str) -> None:
    named = parameters()
    optimizers = build_optimizers(named, named["embedding"], PARAMS)
    step(named, optimizers, seed=1)
    tensors = state_tensors(optimizers, named)
    wrong = {"missing": "wide.momentum_buffer", "foreign": "deep.momentum_buffer", "misshapen": "norm.exp_avg"}[change]
    if change == "missing":
        del tensors[wrong]
    else:
        tensors[wrong] = torch.zeros(3, 3)
    with pytest.raises(BadInput, match=wrong):
        load_state_tensors(optimizers, named, tensors, "checkpoints/x/optimizer.safetensors")
