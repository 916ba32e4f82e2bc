"""A llama.cpp server on loopback for as long as a `with` lasts: parity is proved against it, people chat with it.

Requests speak in token ids, both ways. Prompts are rendered by `components.agent`, so one protocol serves training,
evaluation and chat, and markers that a server would leave out of its text arrive all the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

_PROGRAM = Path(__file__).with_name("llama_process.py")
_STOP_S = 10.0
_STREAM_TOKENS = 4  # few enough to look steady, enough that requests cost little
_TIMEOUT_S = 600.0  # between two bytes of an answer; reading a long prompt on a small machine takes minutes


class ServerError(Exception):
    """The server could not be started or failed while it worked. Says what it wrote last."""


def threads() -> int:
    """As many as the machine gives this process, fewer where OMP_NUM_THREADS says so."""
    return int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


class LlamaServer:
    """`with LlamaServer(gguf, context_tokens=..., exact=...) as server`.

    exact: cache and attention in float32, as in the model itself. Raises ServerError if the file cannot be served.
    """

    def __init__(self, gguf: Path, *, context_tokens: int, exact: bool) -> None:
        self._settings: dict[str, Any] = {
            "model": str(gguf),
            "context_tokens": context_tokens,
            "exact": exact,
            "threads": threads(),
        }

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile()  # closed in __exit__, with the server
        self._process = subprocess.Popen(
            # -P: the script's own directory must not shadow installed modules.
            [sys.executable, "-P", str(_PROGRAM), json.dumps(self._settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C in the terminal is for the chat
        )
        try:
            self._client = httpx.Client(base_url=self._address(), timeout=_TIMEOUT_S, trust_env=False)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()
        self._stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def post(self, route: str, body: dict[str, Any]) -> Any:
        """The decoded answer of one request. Raises ServerError for a failure or a refusal."""
        try:
            reply = self._client.post(route, json=body)
        except httpx.TransportError as error:
            raise self._failure(f"no answer ({type(error).__name__})") from error
        if reply.status_code != 200:
            raise self._failure(f"{route}: status {reply.status_code}: {reply.text[:300]}")
        return reply.json()

    def complete(self, prompt: Sequence[int], *, max_new_tokens: int) -> list[int]:
        """Greedy continuation of `prompt`, the stop id included where there is one."""
        body = {
            "prompt": list(prompt),
            "n_predict": max_new_tokens,
            "temperature": 0,
            "return_tokens": True,
            "cache_prompt": True,
        }
        return list(self.post("/completion", body)["tokens"])

    def stream(self, prompt: Sequence[int], *, stop_id: int, max_new_tokens: int) -> Iterator[int]:
        """`complete`, a few tokens at a time as they come; ends early where the context is full.

        Short requests on the server's cache instead of its own streaming, which leaves out the ids of tokens that end
        within a character: with a byte-level vocabulary most of a Chinese text.
        """
        ids = list(prompt)
        limit = min(len(prompt) + max_new_tokens, self._settings["context_tokens"])
        while len(ids) < limit:
            new = self.complete(ids, max_new_tokens=min(_STREAM_TOKENS, limit - len(ids)))
            yield from new
            if stop_id in new or not new:
                return
            ids += new

    def _address(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:  # llama.cpp may write lines of its own
            if line.startswith(b'{"address"'):
                return str(json.loads(line)["address"])
        self._process.wait()
        raise self._failure(f"{self._settings['model']}: llama.cpp cannot serve it")

    def _failure(self, what: str) -> ServerError:
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        return ServerError("\n".join([what, *(f"llama.cpp: {line}" for line in lines[-5:])]))

    def _stop(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()
