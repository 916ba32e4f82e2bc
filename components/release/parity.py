"""Proof that every published form is the model that was trained: the same ids, logits and choices, file by file.

Nothing is released on a difference. What is compared, on the texts and conversations of `probes`:

- transformers, from the released directory: ids of texts and of rendered conversations; logits in float32.
- llama.cpp, from the float32 GGUF: ids of texts and of conversations rendered by the template inside the file;
  log-probabilities; greedy continuations token by token. Other GGUFs are rounded: they must load and mostly begin
  alike.

Where the two best tokens are closer than the tolerance, float arithmetic cannot say which comes first: a continuation
that parts there is a tie and is not counted as equal, and enough others must be.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from components.agent.template import encode_conversation, to_openai
from components.agent.toolbox import TOOLBOX
from components.release.llama import LlamaServer
from components.release.probes import CONVERSATIONS, TEXTS
from components.tokenizer import TextTokenizer
from model import MLATransformer, generate

TOLERANCE = 1e-4  # of logits and log-probabilities, in float32
NEW_TOKENS = 24
MIN_EQUAL_PROMPTS = 20
TOP_TOKENS = 8
_MIN_FIRST_TOKENS = 0.5  # of a rounded GGUF's first tokens; a broken file gets none, rounding changes few


class ParityError(Exception):
    """A published form differs from the model. Says which, where and by how much."""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A probe: its ids and what a message calls it."""

    name: str
    ids: list[int]


@dataclass(frozen=True, kw_only=True)
class Parity:
    """What was measured. Differences are the largest absolute ones."""

    texts: int
    prompts: int
    logits: float
    log_probabilities: float
    equal_continuations: int
    ties: int
    first_tokens: dict[str, int]

    def report(self) -> dict[str, object]:
        """parity.json: differences as the power of ten they stay below, since their last digits belong to a machine."""
        return {
            "tolerance": TOLERANCE,
            "texts": self.texts,
            "prompts": self.prompts,
            "transformers": {"max_logit_difference_below": bound(self.logits)},
            "llama_cpp_f32": {
                "max_log_probability_difference_below": bound(self.log_probabilities),
                "greedy_continuations_equal": self.equal_continuations,
                "greedy_continuations_tied": self.ties,
                "new_tokens": NEW_TOKENS,
            },
            "llama_cpp_first_tokens_equal": dict(sorted(self.first_tokens.items())),
        }


def bound(difference: float) -> float:
    """The next power of ten above, at least float32's own precision."""
    return float(f"1e{max(-7, math.floor(math.log10(difference)) + 1)}") if difference > 0 else 1e-7


def check_parity(
    model: MLATransformer, tokenizer: TextTokenizer, directory: Path, exact_gguf: Path, ggufs: Mapping[str, Path]
) -> Parity:
    """Compare `directory` (transformers), `exact_gguf` (float32) and `ggufs` by dtype with the model.

    The model is turned to float32 in place. Raises ParityError at the first difference beyond the tolerance,
    ServerError if llama.cpp cannot serve a file.
    """
    model = model.float().eval()
    prompts = make_prompts(tokenizer, model.config.max_position_embeddings)
    logits = check_transformers(model, tokenizer, directory, prompts)
    continuations = generate(
        model, [prompt.ids for prompt in prompts], max_new_tokens=NEW_TOKENS, stop_ids=[tokenizer.eos_id]
    )
    context_tokens = max(len(prompt.ids) for prompt in prompts) + NEW_TOKENS
    with LlamaServer(exact_gguf, context_tokens=context_tokens, exact=True) as server:
        check_ids_of_server(server, tokenizer)
        log_probabilities = check_log_probabilities(server, model, prompts)
        equal, ties = check_continuations(server, model, prompts, continuations)
    firsts = [continuation[0] for continuation in continuations]
    return Parity(
        texts=len(TEXTS),
        prompts=len(prompts),
        logits=logits,
        log_probabilities=log_probabilities,
        equal_continuations=equal,
        ties=ties,
        first_tokens={
            dtype: check_first_tokens(path, dtype, context_tokens, prompts, firsts) for dtype, path in ggufs.items()
        },
    )


def make_prompts(tokenizer: TextTokenizer, context_tokens: int) -> list[Prompt]:
    """Every text and conversation, and all of them in a row so that far positions are compared too."""
    texts = [[tokenizer.bos_id, *ids] for ids in tokenizer.encode_batch(list(TEXTS))]
    talks = [encode_conversation(tokenizer, talk, TOOLBOX, add_generation_prompt=True) for talk in CONVERSATIONS]
    joined = [token for ids in texts + talks for token in ids]
    every = [
        *(Prompt(name=repr(text[:24]), ids=ids) for text, ids in zip(TEXTS, texts, strict=True)),
        *(Prompt(name=repr(talk[-1].text[:24]), ids=ids) for talk, ids in zip(CONVERSATIONS, talks, strict=True)),
        Prompt(name="all probes in a row", ids=joined),
    ]
    room = context_tokens - NEW_TOKENS
    return [Prompt(name=prompt.name, ids=prompt.ids[:room]) for prompt in every]


def check_transformers(
    model: MLATransformer, tokenizer: TextTokenizer, directory: Path, prompts: Sequence[Prompt]
) -> float:
    """Ids and logits of the directory as transformers reads it. Returns the largest difference of a logit."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    theirs = AutoTokenizer.from_pretrained(directory)
    for text in TEXTS:
        _same_ids("transformers", text, theirs.encode(text, add_special_tokens=False), tokenizer.encode(text))
    tools: list[dict[Any, Any] | Callable[..., Any]] = [tool.to_openai() for tool in TOOLBOX]
    for talk in CONVERSATIONS:
        found = theirs.apply_chat_template(
            to_openai(talk), tools=tools, add_generation_prompt=True, return_dict=False, tokenize=True
        )
        expected = encode_conversation(tokenizer, talk, TOOLBOX, add_generation_prompt=True)
        assert isinstance(found, list), "asked for ids alone"
        _same_ids("transformers' chat template", talk[-1].text, found, expected)

    other = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    if type(other).__name__ != "YoutuForCausalLM":
        raise ParityError(f"transformers loads the release as {type(other).__name__}, not as YoutuForCausalLM")
    worst = 0.0
    with torch.inference_mode():
        for prompt in prompts:
            ids_1L = torch.tensor([prompt.ids])
            worst = max(worst, _difference("transformers", prompt, model(ids_1L), other(ids_1L).logits))
    return worst


def check_ids_of_server(server: LlamaServer, tokenizer: TextTokenizer) -> None:
    """llama.cpp cuts text as we do, and renders conversations as they were trained."""
    for text in TEXTS:
        found = server.post("/tokenize", {"content": text, "add_special": False, "parse_special": False})["tokens"]
        _same_ids("llama.cpp", text, found, tokenizer.encode(text))
    tools = [tool.to_openai() for tool in TOOLBOX]
    for talk in CONVERSATIONS:
        messages = to_openai(talk)
        for call in (call for message in messages for call in message.get("tool_calls", ())):
            call["function"]["arguments"] = json.dumps(call["function"]["arguments"])  # as the chat API has them
        rendered = server.post("/apply-template", {"messages": messages, "tools": tools})["prompt"]
        body = {"content": rendered, "add_special": False, "parse_special": True}
        expected = encode_conversation(tokenizer, talk, TOOLBOX, add_generation_prompt=True)
        _same_ids("llama.cpp's chat template", talk[-1].text, server.post("/tokenize", body)["tokens"], expected)


def check_log_probabilities(server: LlamaServer, model: MLATransformer, prompts: Sequence[Prompt]) -> float:
    """Log-probabilities of the likeliest next tokens. Returns the largest difference."""
    worst, compared = 0.0, 0
    for prompt in prompts:
        with torch.inference_mode():
            ours_V = model(torch.tensor([prompt.ids]))[0, -1].log_softmax(-1)
        body = {"prompt": prompt.ids, "n_predict": 1, "temperature": 0, "n_probs": TOP_TOKENS, "cache_prompt": False}
        answer = server.post("/completion", body)
        if not answer.get("completion_probabilities"):
            continue  # the server holds back a token that ends within a character, and its probabilities with it
        top = answer["completion_probabilities"][0]["top_logprobs"]
        theirs = torch.tensor([entry["logprob"] for entry in top])
        ours = ours_V[torch.tensor([entry["id"] for entry in top])]
        worst = max(worst, _difference("llama.cpp", prompt, ours, theirs))
        compared += 1
    if compared < len(prompts) // 2:
        raise ParityError(f"llama.cpp gave probabilities for {compared} of {len(prompts)} prompts; too few to compare")
    return worst


def check_continuations(
    server: LlamaServer, model: MLATransformer, prompts: Sequence[Prompt], continuations: Sequence[list[int]]
) -> tuple[int, int]:
    """Greedy tokens. Returns how many continuations are equal and how many part at a tie."""
    equal = ties = 0
    for prompt, ours in zip(prompts, continuations, strict=True):
        theirs = server.complete(prompt.ids, max_new_tokens=NEW_TOKENS)
        if theirs == ours:
            equal += 1
            continue
        step = next((at for at, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
        if step is None:
            raise ParityError(f"llama.cpp: {prompt.name}: ends after {len(theirs)} tokens, the model after {len(ours)}")
        with torch.inference_mode():
            logits_V = model(torch.tensor([prompt.ids + ours[:step]]))[0, -1]
        margin = (logits_V[ours[step]] - logits_V[theirs[step]]).abs().item()
        if margin > TOLERANCE:
            raise ParityError(
                f"llama.cpp: {prompt.name}: new token {step} is {theirs[step]}, the model's {ours[step]}, "
                f"their logits {margin:.2g} apart"
            )
        ties += 1
    if equal < MIN_EQUAL_PROMPTS:
        raise ParityError(
            f"llama.cpp: {equal} of {len(prompts)} greedy continuations are equal and {ties} part at ties; "
            f"{MIN_EQUAL_PROMPTS} must be equal"
        )
    return equal, ties


def check_first_tokens(
    path: Path, dtype: str, context_tokens: int, prompts: Sequence[Prompt], expected: Sequence[int]
) -> int:
    """How many continuations of a GGUF begin as the model's do."""
    with LlamaServer(path, context_tokens=context_tokens, exact=True) as server:
        found = [server.complete(prompt.ids, max_new_tokens=1) for prompt in prompts]
    same = sum(ids[:1] == [first] for ids, first in zip(found, expected, strict=True))
    if same < _MIN_FIRST_TOKENS * len(prompts):
        raise ParityError(
            f"llama.cpp, {dtype}: {same} of {len(prompts)} continuations begin with the model's token; "
            f"rounding alone does not do that"
        )
    return same


def _same_ids(who: str, text: str, found: Sequence[object], expected: Sequence[int]) -> None:
    if list(found) != list(expected):
        at = next((i for i, (a, b) in enumerate(zip(found, expected, strict=False)) if a != b), "the end")
        raise ParityError(f"{who}: {text[:24]!r} becomes other ids than in training, from token {at} on")


def _difference(who: str, prompt: Prompt, ours: torch.Tensor, theirs: torch.Tensor) -> float:
    largest = (ours - theirs.to(ours)).abs().max().item()
    if not largest <= TOLERANCE:  # NaN is not
        raise ParityError(
            f"{who}: {prompt.name}: differs from the model by {largest:.2g} where {TOLERANCE:g} is allowed; "
            "the exported files are not the model that was trained"
        )
    return largest
