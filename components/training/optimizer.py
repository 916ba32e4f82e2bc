"""Muon for the hidden matrices, AdamW for the embedding and the norms, and their state as named tensors.

Muon (Jordan 2024, https://kellerjordan.github.io/posts/muon/) decides what the smallest preset can learn: with it a
2M-parameter model learns to copy arguments into a call within a minute of two cores, with AdamW it never does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from components.core.errors import BadInput
from components.core.params import OptimizerParams
from components.training.muon import Muon

BASE_RATE = "base_lr"  # group entry: the rate that the schedule's factor multiplies


def build_optimizers(
    named_parameters: Mapping[str, nn.Parameter], embedding: Tensor, params: OptimizerParams
) -> tuple[Muon, torch.optim.AdamW]:
    """The two optimizers over all parameters; norms are not decayed.

    Muon scales by sqrt(max(1, rows / columns)) ("original").
    """
    matrices = [p for p in named_parameters.values() if p.ndim == 2 and p is not embedding]
    vectors = [p for p in named_parameters.values() if p.ndim < 2]
    assert len(matrices) + len(vectors) + 1 == len(named_parameters), "every parameter has one optimizer"
    muon = Muon(
        matrices,
        lr=params.muon_lr,
        momentum=params.muon_momentum,
        weight_decay=params.weight_decay,
        adjust_lr_fn="original",
    )
    groups: list[dict[str, Any]] = [{"params": [embedding]}, {"params": vectors, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(
        groups,
        lr=params.adamw_lr,
        betas=params.adamw_betas,
        weight_decay=params.weight_decay,
        fused=True,
    )
    for optimizer in (muon, adamw):
        for group in optimizer.param_groups:
            group[BASE_RATE] = group["lr"]
    return muon, adamw


def set_lr_multiplier(optimizers: Iterable[torch.optim.Optimizer], multiplier: float) -> None:
    """Set every group's learning rate to its base rate times `multiplier`."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group[BASE_RATE] * multiplier


def state_tensors(
    optimizers: Iterable[torch.optim.Optimizer], named_parameters: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """All optimizer state as `<parameter>.<entry>` (momentum_buffer; exp_avg, exp_avg_sq, step), on the CPU."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in named_parameters.items()}
    return {
        f"{names[parameter]}.{entry}": value.detach().cpu().contiguous()
        for optimizer in optimizers
        for parameter, state in optimizer.state.items()
        for entry, value in sorted(state.items())
    }


def load_state_tensors(
    optimizers: Iterable[torch.optim.Optimizer],
    named_parameters: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
    origin: str,
) -> None:
    """Set the state that `state_tensors` took. Raises BadInput, naming `origin`, if it is another model's."""
    names: dict[Tensor, str] = {parameter: name for name, parameter in named_parameters.items()}
    expected: dict[str, torch.Size] = {}
    for optimizer in optimizers:
        entries = ("momentum_buffer",) if isinstance(optimizer, torch.optim.Muon) else ("exp_avg", "exp_avg_sq", "step")
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                shapes = {entry: parameter.shape if entry != "step" else torch.Size() for entry in entries}
                expected |= {f"{names[parameter]}.{entry}": shape for entry, shape in shapes.items()}
                optimizer.state[parameter] = {
                    entry: tensors[f"{names[parameter]}.{entry}"].to(parameter.device, copy=True)
                    for entry in entries
                    if f"{names[parameter]}.{entry}" in tensors
                }
    wrong = {name for name in expected.keys() | tensors.keys() if _shape(tensors, name) != expected.get(name)}
    if wrong:
        name = min(wrong)
        raise BadInput(
            f"{origin}: {name} has shape {_shape(tensors, name)}, the model needs {expected.get(name)}; "
            "run `dvc repro` for the stage that writes it"
        )


def _shape(tensors: Mapping[str, Tensor], name: str) -> torch.Size | None:
    return tensors[name].shape if name in tensors else None
