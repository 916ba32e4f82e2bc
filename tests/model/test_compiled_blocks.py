"""Blocks through torch.compile: captured whole, once for all layers, with the results of the plain pass.

The backend records graphs and runs them as they are: what a code generator makes of them is torch's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch
from functorch.compile import make_boxed_func
from torch._dynamo.backends.common import aot_autograd

from model import MLAConfig, MLATransformer, generate
from model.recompute import Recompute


class Recorder:
    """A compiler backend that counts the graphs it is given."""

    def __init__(self) -> None:
        self.forward = self.backward = 0
        self.backend = aot_autograd(fw_compiler=self._forward, bw_compiler=self._backward)

    def _forward(self, graph: torch.fx.GraphModule, _inputs: Any) -> Any:
        self.forward += 1
        return make_boxed_func(graph.forward)

    def _backward(self, graph: torch.fx.GraphModule, _inputs: Any) -> Any:
        self.backward += 1
        return make_boxed_func(graph.forward)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("recompute", get_args(Recompute))
def test_one_graph_serves_all_layers_forward_and_backward(
    tiny: MLAConfig, build: Callable[..., MLATransformer], recompute: Recompute
) -> None:
    model, recorder = build(replace(tiny, num_hidden_layers=4)), Recorder()
    model.recompute = recompute
    ids_BL = torch.randint(3, 97, (2, 33), generator=torch.Generator().manual_seed(0))

    towards = torch.randn(2, 33, 32, generator=torch.Generator().manual_seed(1))

    def results() -> list[torch.Tensor]:
        model.zero_grad()
        hidden = model.hidden(ids_BL)
        (hidden * towards).mean().backward()
        return [hidden.detach(), *(parameter.grad.clone() for parameter in model.parameters())]

    expected = results()
    model.compile_blocks(recorder.backend)
    for found, plain in zip(results(), expected, strict=True):
        torch.testing.assert_close(found, plain, rtol=1e-5, atol=1e-6)
    assert (recorder.forward, recorder.backward) == (1, 1)


@pytest.mark.parametrize("attention", ["flex", "reference"])
def test_packed_documents_of_other_lengths_need_no_new_graph(
    tiny: MLAConfig, build: Callable[..., MLATransformer], attention: str
) -> None:
    model, recorder = build(tiny, 1, attention), Recorder()
    ids_BL = torch.randint(3, 97, (2, 40), generator=torch.Generator().manual_seed(0))
    layouts = [torch.arange(40)[None].expand(2, -1) // tokens for tokens in (7, 40, 11, 1)]
    with torch.no_grad():
        expected = [model.hidden(ids_BL, document_ids_BL=layout) for layout in layouts]
        model.compile_blocks(recorder.backend)
        for layout, plain in zip(layouts, expected, strict=True):
            torch.testing.assert_close(model.hidden(ids_BL, document_ids_BL=layout), plain, rtol=1e-5, atol=1e-5)
    assert recorder.forward == 1


def test_generation_and_weights_by_name_stay_as_they_are(tiny: MLAConfig, build: Callable[..., MLATransformer]) -> None:
    model = build(tiny)
    expected = generate(model, [[3, 4, 5], [6]], max_new_tokens=5)
    names = list(model.state_dict())
    model.compile_blocks(Recorder().backend)
    assert generate(model, [[3, 4, 5], [6]], max_new_tokens=5) == expected
    assert list(model.state_dict()) == names


def test_one_call_a_document_is_refused(tiny: MLAConfig, build: Callable[..., MLATransformer]) -> None:
    model = build(tiny)
    model.compile_blocks("eager")
    with pytest.raises(ValueError, match="attention = 'padded': compiled blocks take packed documents from"):
        model.hidden(torch.ones(1, 8, dtype=torch.long), document_ids_BL=torch.zeros(1, 8))
