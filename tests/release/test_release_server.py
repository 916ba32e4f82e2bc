"""The server lives exactly as long as it is wanted, and gives every id it makes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest
from release_workspace import LESSON, TOOLS, Workspace

from components.agent.template import encode_conversation
from components.release.llama import LlamaServer
from components.tokenizer import TextTokenizer

_PATIENCE_S = 30


@pytest.fixture(scope="module")
def server(built: Workspace) -> Iterator[LlamaServer]:
    with LlamaServer(built.release / "gguf/lesson-f32.gguf", context_tokens=256, exact=True) as running:
        yield running


def test_ends_with_its_block(built: Workspace) -> None:
    with LlamaServer(built.release / "gguf/lesson-q8_0.gguf", context_tokens=64, exact=False) as running:
        process = psutil.Process(running.pid)
        addresses = {connection.laddr.ip for connection in process.net_connections() if connection.status == "LISTEN"}
        assert addresses == {"127.0.0.1"}
        assert len(running.complete([1, 2, 3], max_new_tokens=2)) == 2
    assert not process.is_running()


def test_ends_when_its_user_is_killed(built: Workspace) -> None:
    program = (
        "import sys, time; from pathlib import Path; from components.release.llama import LlamaServer\n"
        "with LlamaServer(Path(sys.argv[1]), context_tokens=64, exact=True) as server:\n"
        "    print(server.pid, flush=True); time.sleep(600)\n"
    )
    gguf = str(built.release / "gguf/lesson-f32.gguf")
    user = subprocess.Popen(
        [sys.executable, "-c", program, gguf], env=built.environment(), stdout=subprocess.PIPE, text=True
    )
    with user:
        assert user.stdout is not None
        server = psutil.Process(int(user.stdout.readline()))
        os.kill(user.pid, signal.SIGKILL)
    give_up_s = time.monotonic() + _PATIENCE_S
    while server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < give_up_s, "the server outlived its user"
        time.sleep(0.1)


def test_a_stream_loses_no_id(server: LlamaServer, tokenizer: TextTokenizer) -> None:
    """Also where tokens end within a character, as most of this vocabulary's Chinese does."""
    for text in ("床前明月光，疑是地上霜。", "17 + 25 = ", "naïve café"):
        prompt = [tokenizer.bos_id, *tokenizer.encode(text)]
        whole = server.complete(prompt, max_new_tokens=37)
        assert list(server.stream(prompt, stop_id=tokenizer.eos_id, max_new_tokens=37)) == whole


def test_a_stream_ends_with_the_turn(server: LlamaServer, tokenizer: TextTokenizer) -> None:
    prompt = encode_conversation(tokenizer, LESSON[:1], TOOLS, add_generation_prompt=True)
    turn = list(server.stream(prompt, stop_id=tokenizer.eos_id, max_new_tokens=200))
    assert turn == encode_conversation(tokenizer, LESSON[:2], TOOLS)[len(prompt) :]


def test_a_stream_ends_where_the_context_does(server: LlamaServer, tokenizer: TextTokenizer) -> None:
    prompt = [tokenizer.bos_id] * 250
    written = list(server.stream(prompt, stop_id=-1, max_new_tokens=200))
    assert len(written) == 6
