from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from model.norm import RMSNorm


def norm_and_input(dtype: torch.dtype, shape: tuple[int, ...] = (3, 5, 24)) -> tuple[RMSNorm, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    norm = RMSNorm(shape[-1], 1e-5)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(shape[-1], generator=generator))
    return norm.to(dtype), (3 * torch.randn(shape, generator=generator)).to(dtype).requires_grad_()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_value_and_gradients_are_those_of_torchs_norm(dtype: torch.dtype, tolerance: float) -> None:
    norm, x = norm_and_input(dtype)
    weight, exact = norm.weight.detach().double().requires_grad_(), x.detach().double().requires_grad_()
    upstream = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    found, wanted = norm(x), F.rms_norm(exact, weight.shape, weight, 1e-5)
    found.backward(upstream.to(dtype))
    wanted.backward(upstream.to(dtype).double())
    assert found.dtype == x.grad.dtype == norm.weight.grad.dtype == dtype
    for one, other in ((found, wanted), (x.grad, exact.grad), (norm.weight.grad, weight.grad)):
        torch.testing.assert_close(one.double(), other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_bits_do_not_depend_on_whether_gradients_are_wanted(dtype: torch.dtype) -> None:
    norm, x = norm_and_input(dtype)
    with torch.no_grad():
        without = norm(x)
    assert torch.equal(without, norm(x))


def test_autocast_does_not_reach_into_it() -> None:
    norm, x = norm_and_input(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        cast = norm(x)
    assert torch.equal(cast, norm(x))
