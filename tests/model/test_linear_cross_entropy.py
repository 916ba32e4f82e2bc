from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from model.loss import linear_cross_entropy


def problem(seed: int, rows: int, width: int, vocab: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(rows, width, generator=generator)
    head = torch.randn(vocab, width, generator=generator)
    targets = torch.randint(0, vocab, (rows,), generator=generator)
    weights = torch.rand(rows, generator=generator) * (torch.rand(rows, generator=generator) > 0.3)
    return hidden, head, targets, weights


def plain(hidden: torch.Tensor, head: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (F.cross_entropy(hidden @ head.T, targets, reduction="none") * weights).sum()


@given(
    seed=st.integers(0, 2**16),
    rows=st.integers(1, 40),
    vocab=st.integers(2, 60),
    chunk_rows=st.integers(1, 50),
)
@settings(max_examples=60, deadline=None)
def test_value_and_gradients_are_those_of_plain_cross_entropy(
    seed: int, rows: int, vocab: int, chunk_rows: int
) -> None:
    hidden, head, targets, weights = problem(seed, rows, 16, vocab)
    ours = (hidden.clone().requires_grad_(), head.clone().requires_grad_())
    exact = (hidden.double().requires_grad_(), head.double().requires_grad_())
    loss_sum, weight_sum = linear_cross_entropy(*ours, targets, weights, chunk_rows)
    (3 * loss_sum).backward()
    expected = plain(*exact, targets, weights.double())
    (3 * expected).backward()
    assert weight_sum.item() == pytest.approx(weights.sum().item(), rel=1e-6)
    assert loss_sum.item() == pytest.approx(expected.item(), rel=1e-6, abs=1e-6)
    for found, wanted in zip(ours, exact, strict=True):
        scale = max(1.0, wanted.grad.abs().max().item())
        assert (found.grad - wanted.grad).abs().max().item() <= 2e-6 * scale


def test_rows_of_weight_zero_need_no_valid_target_and_get_no_gradient() -> None:
    hidden, head, targets, _ = problem(0, 8, 16, 10)
    weights = torch.tensor([1.0, 0, 0.5, 0, 1, 1, 0, 2])
    targets[weights == 0] = -100
    hidden.requires_grad_()
    linear_cross_entropy(hidden, head, targets, weights)[0].backward()
    assert (hidden.grad[weights == 0] == 0).all() and (hidden.grad[weights > 0] != 0).any(dim=1).all()


def test_no_weight_at_all_is_a_loss_of_zero() -> None:
    hidden, head, targets, _ = problem(0, 8, 16, 10)
    hidden.requires_grad_()
    loss_sum, weight_sum = linear_cross_entropy(hidden, head, targets, torch.zeros(8))
    loss_sum.backward()
    assert loss_sum.item() == weight_sum.item() == 0 and (hidden.grad == 0).all()


@pytest.mark.parametrize("target", [-1, 10])
def test_a_counted_target_outside_the_head_is_refused(target: int) -> None:
    hidden, head, targets, weights = problem(0, 8, 16, 10)
    targets[3], weights[3] = target, 1.0
    with pytest.raises(ValueError, match=f"targets_N spans .*{target}.*give padding weight 0"):
        linear_cross_entropy(hidden, head, targets, weights)


def test_the_sum_of_many_bfloat16_rows_is_kept_in_float32() -> None:
    """Thousands of equal terms stop growing in bfloat16 at 256 times a term."""
    rows = 4096
    hidden = torch.zeros(rows, 8, dtype=torch.bfloat16, requires_grad=True)
    head = torch.zeros(64, 8, dtype=torch.bfloat16, requires_grad=True)
    loss_sum, _ = linear_cross_entropy(hidden, head, torch.zeros(rows, dtype=torch.long), torch.ones(rows), 256)
    loss_sum.backward()
    assert loss_sum.dtype == torch.float32
    assert loss_sum.item() == pytest.approx(rows * torch.tensor(64.0).log().item(), rel=1e-5)
    assert hidden.grad.dtype == head.grad.dtype == torch.bfloat16


def test_autocast_decides_the_type_of_products_not_of_the_sum() -> None:
    hidden, head, targets, weights = problem(1, 64, 32, 50)
    exact = plain(hidden, head, targets, weights)
    with torch.autocast("cpu", torch.bfloat16):
        loss_sum, _ = linear_cross_entropy(hidden, head, targets, weights)
    assert loss_sum.dtype == torch.float32 and loss_sum.item() != exact.item()
    assert loss_sum.item() == pytest.approx(exact.item(), rel=2e-2)


class LargestTensor(TorchDispatchMode):
    values = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.values = max([self.values, *(leaf.numel() for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor))])
        return out


def test_full_logits_never_exist() -> None:
    hidden, head, targets, weights = problem(0, 512, 8, 300)
    hidden.requires_grad_()
    head.requires_grad_()
    with LargestTensor() as largest:
        linear_cross_entropy(hidden, head, targets, weights, 32)[0].backward()
    assert largest.values == 32 * 300
