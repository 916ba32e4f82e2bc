"""Computing again instead of keeping: the same bits, less memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from model import MLAConfig, MLATransformer
from model.packing import PADDING_ID
from model.recompute import recompute_for


def gradients(model: MLATransformer, ids_BL: Tensor, document_ids_BL: Tensor | None) -> list[Tensor]:
    model.zero_grad()
    model.hidden(ids_BL, document_ids_BL=document_ids_BL).square().sum().backward()
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("policy", ["pointwise", "all_but_attention"])
def test_gradients_are_the_same_to_the_bit(
    tiny: MLAConfig, build: Callable[..., MLATransformer], policy: str, packed: bool
) -> None:
    model = build(tiny, 4)
    ids_BL = torch.randint(3, 97, (2, 24), generator=torch.Generator().manual_seed(0))
    documents = torch.tensor([[0] * 9 + [1] * 10 + [PADDING_ID] * 5, [0] * 24]) if packed else None
    expected = gradients(model, ids_BL, documents)
    model.recompute = policy  # type: ignore[assignment]
    found = gradients(model, ids_BL, documents)
    assert len(found) == len(expected)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_a_policy_follows_the_length_of_the_row() -> None:
    assert [recompute_for(1 << power) for power in (10, 13, 14, 15, 17)] == [
        "nothing",
        "nothing",
        "pointwise",
        "all_but_attention",
        "all_but_attention",
    ]


def test_an_unknown_policy_is_named(tiny: MLAConfig) -> None:
    with pytest.raises(ValueError, match=r"recompute = 'some': choose one of \['nothing', 'pointwise'"):
        MLATransformer(tiny, recompute="some")  # type: ignore[arg-type]
