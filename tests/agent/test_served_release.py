"""A release in llama.cpp's own server: its template engine, its tool parser, and our loop as its client."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import xllamacpp
from agent_strategies import conversations
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lessons import Lesson
from ports import free_ports
from small_model import CONTEXT_TOKENS

from components.agent.endpoint import EndpointPolicy
from components.agent.environment import TaskFamily
from components.agent.episode_loop import run_episodes
from components.agent.messages import Message, ToolSpec
from components.agent.serving import serving_tokenizer
from components.agent.template import CHAT_TEMPLATE, encode_conversation, render_text, to_openai
from components.agent.toolbox import TOOLBOX
from components.tokenizer import TextTokenizer
from model.exchange import gguf


@pytest.fixture(scope="module")
def server(lesson: Lesson, tokenizer: TextTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("release")
    served = directory / "tokenizer.json"
    served.write_text(json.dumps(serving_tokenizer(json.loads(tokenizer._tokenizer.to_str()))), encoding="utf-8")
    path = directory / "model.exchange.gguf"
    gguf.export(lesson.model, served, CHAT_TEMPLATE.read_text(encoding="utf-8"), path, "f32", "lesson")
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.use_jinja = True
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.verbosity = -1
    (params.port,) = free_ports(1)
    running = xllamacpp.Server(params)
    yield running.listening_address
    del running


def test_the_server_acts_out_the_lesson(server: str, lesson: Lesson, families: Mapping[str, TaskFamily]) -> None:
    """Thoughts with their phases, the call, the answer: every turn arrives as the model was taught it."""
    with EndpointPolicy(f"{server}/v1", max_turn_tokens=120) as policy:
        (episode,) = run_episodes(policy, [lesson.task], families=families, max_turns=4)
    assert episode.success
    assert [turn.text for turn in episode.transcript] == [turn.text for turn in lesson.episode.transcript]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=conversations, tools=st.sampled_from([(), TOOLBOX]))
def test_llama_cpp_renders_the_segments(server: str, messages: list[Message], tools: tuple[ToolSpec, ...]) -> None:
    assume(messages and messages[-1].role != "assistant")  # the server would continue it instead
    sent = to_openai(messages)
    for message in sent:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.dumps(call["function"]["arguments"])
    body = {"messages": sent, "tools": [tool.to_openai() for tool in tools]} if tools else {"messages": sent}
    reply = httpx.post(f"{server}/apply-template", json=body)
    assert reply.status_code == 200, reply.text
    assert reply.json()["prompt"] == render_text(messages, tools, add_generation_prompt=True)


def test_llama_cpp_reads_the_same_ids(server: str, lesson: Lesson, tokenizer: TextTokenizer) -> None:
    text = render_text(lesson.episode.messages, lesson.task.tools)
    reply = httpx.post(f"{server}/tokenize", json={"content": text, "parse_special": True, "add_special": False})
    assert reply.json()["tokens"] == encode_conversation(tokenizer, lesson.episode.messages, lesson.task.tools)


def test_serving_keeps_every_id(tokenizer: TextTokenizer, tmp_path: Path) -> None:
    before = json.loads(tokenizer._tokenizer.to_str())
    after = serving_tokenizer(before)
    changed = [
        new["content"] for old, new in zip(before["added_tokens"], after["added_tokens"], strict=True) if old != new
    ]
    assert changed == ["<analysis>", "<plan>", "<reflection>"]
    assert {**after, "added_tokens": []} == {**before, "added_tokens": []}
