"""Parity must be able to fail: a wrong weight, a wrong file, a wrong token."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from release_workspace import Workspace

from components.release import parity
from components.release.llama import LlamaServer, ServerError
from components.release.parity import ParityError, Prompt, bound
from components.tokenizer import TextTokenizer
from model import MLATransformer, generate
from model.exchange.hf import export_pretrained


@pytest.fixture(scope="module")
def prompts(tokenizer: TextTokenizer) -> list[Prompt]:
    return parity.make_prompts(tokenizer, 1024)


@pytest.fixture(scope="module")
def server(built: Workspace) -> Iterator[LlamaServer]:
    with LlamaServer(built.release / "gguf/lesson-f32.gguf", context_tokens=1100, exact=True) as running:
        yield running


@pytest.fixture(scope="module")
def other(lesson: MLATransformer) -> MLATransformer:
    """The lesson with one weight of thousands wrong."""
    changed = copy.deepcopy(lesson)
    with torch.no_grad():
        changed.layers[1].mlp.down_proj.weight[3, 5] += 0.5
    return changed


def test_probes_are_many_and_reach_far(prompts: list[Prompt]) -> None:
    assert len(prompts) >= parity.MIN_EQUAL_PROMPTS
    assert max(len(prompt.ids) for prompt in prompts) == 1024 - parity.NEW_TOKENS


def test_one_wrong_weight_in_the_directory(
    built: Workspace, lesson: MLATransformer, other: MLATransformer, tokenizer: TextTokenizer, tmp_path: Path
) -> None:
    shutil.copytree(built.release, tmp_path / "release")
    export_pretrained(other, tmp_path / "release")
    exact = built.release / "gguf/lesson-f32.gguf"
    with pytest.raises(ParityError, match=r"transformers: .* differs from the model by .* where 0.0001 is allowed"):
        parity.check_parity(lesson, tokenizer, tmp_path / "release", exact, {})


def test_one_wrong_weight_in_the_gguf(server: LlamaServer, other: MLATransformer, prompts: list[Prompt]) -> None:
    with pytest.raises(ParityError, match=r"llama.cpp: .* differs from the model"):
        parity.check_log_probabilities(server, other, prompts)


def test_one_wrong_token(
    server: LlamaServer, lesson: MLATransformer, tokenizer: TextTokenizer, prompts: list[Prompt]
) -> None:
    few = prompts[:3]
    right = generate(
        lesson, [prompt.ids for prompt in few], max_new_tokens=parity.NEW_TOKENS, stop_ids=[tokenizer.eos_id]
    )
    wrong = [right[0], right[1], [*right[2][:2], (right[2][2] + 1) % 300]]
    with pytest.raises(ParityError, match=r"new token 2 is .*, their logits .* apart"):
        parity.check_continuations(server, lesson, few, wrong)
    with pytest.raises(ParityError, match=r"3 of 3 greedy continuations are equal and 0 part at ties; 20 must be"):
        parity.check_continuations(server, lesson, few, right)


def test_a_rounded_file_of_another_model(
    built: Workspace, lesson: MLATransformer, prompts: list[Prompt], tokenizer: TextTokenizer
) -> None:
    firsts = [tokenizer.pad_id] * len(prompts)  # no trained model begins so
    with pytest.raises(ParityError, match=r"q8_0: 0 of 25 continuations begin with the model's token"):
        parity.check_first_tokens(built.release / "gguf/lesson-q8_0.gguf", "q8_0", 1100, prompts, firsts)


@pytest.mark.parametrize(("difference", "below"), [(0.0, 1e-7), (3e-9, 1e-7), (3.2e-6, 1e-5), (9.9e-5, 1e-4)])
def test_bounds_hide_what_belongs_to_the_machine(difference: float, below: float) -> None:
    assert bound(difference) == below
    assert difference < below


def test_a_file_that_is_no_gguf(tmp_path: Path) -> None:
    (tmp_path / "torn.gguf").write_bytes(b"GGUF and then nothing")
    with (
        pytest.raises(ServerError, match=r"torn.gguf: llama.cpp cannot serve it"),
        LlamaServer(tmp_path / "torn.gguf", context_tokens=64, exact=True),
    ):
        pass
