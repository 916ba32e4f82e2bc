"""A policy behind an OpenAI-compatible endpoint: llama.cpp's server, vLLM, or anybody's.

Servers differ in how much of a turn they take apart: some return `tool_calls` and `reasoning_content`, some the raw
text. Both are put together into the turn's text and go through the one reader of this package, so a server's broken
call is refused like a model's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any

import httpx

from components.agent.episode_loop import Conversation
from components.agent.template import to_openai
from components.core.retries import TransientFault, call_with_retries, is_transient
from components.core.special_tokens import CALL_CLOSE, CALL_OPEN, END_OF_TEXT, THINK_CLOSE, THINK_OPEN

_LONGEST_WAIT_S = 30.0


class EndpointError(Exception):
    """The endpoint refused a request, or stayed unreachable through all attempts. Names the address and the reason."""


class EndpointPolicy:
    """Chat completions with tools at `base_url` (which ends before `/chat/completions`, usually in `/v1`).

    Faults that may pass (429, 5xx, no connection, time-outs) are tried `attempts` times with growing pauses; others
    raise EndpointError at once. A request the endpoint calls too long ends its episode as a context overflow.
    """

    def __init__(
        self,
        base_url: str,
        *,
        model: str = "default",
        api_key: str | None = None,
        max_turn_tokens: int = 512,
        temperature: float = 0.0,
        seed: int = 0,
        attempts: int = 4,
        first_wait_s: float = 0.5,
        timeout_s: float = 120.0,
        parallel_requests: int = 4,
    ) -> None:
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._body = {"model": model, "max_tokens": max_turn_tokens, "temperature": temperature, "seed": seed}
        self._attempts = attempts
        self._first_wait_s = first_wait_s
        self._parallel_requests = parallel_requests
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.Client(headers=headers, timeout=timeout_s)
        self._full: set[str] = set()

    def __enter__(self) -> EndpointPolicy:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def fits(self, conversation: Conversation) -> bool:
        return conversation.task.id not in self._full

    def act(self, conversations: Sequence[Conversation]) -> list[str]:
        with ThreadPoolExecutor(self._parallel_requests) as pool:
            return list(pool.map(self._turn, conversations))

    def _turn(self, conversation: Conversation) -> str:
        body: dict[str, Any] = {**self._body, "messages": chat_messages(conversation)}
        if conversation.task.tools:  # an empty list is not the same as no tools to every server
            body["tools"] = [tool.to_openai() for tool in conversation.task.tools]
        response = self._post(body)
        if response is None:
            self._full.add(conversation.task.id)
            return ""  # nothing was written; the loop ends the episode before it asks again
        return reply_text(response, self._url)

    def _post(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """The decoded reply, or None if the conversation is too long for the endpoint."""
        try:
            return call_with_retries(
                lambda: self._post_once(body),
                attempts=self._attempts,
                first_wait_s=self._first_wait_s,
                longest_wait_s=_LONGEST_WAIT_S,
            )
        except TransientFault as fault:
            raise EndpointError(f"{self._url}: no reply in {self._attempts} attempts; last: {fault}") from None

    def _post_once(self, body: dict[str, Any]) -> dict[str, Any] | None:
        try:
            response = self._client.post(self._url, json=body)
        except httpx.TransportError as error:
            raise TransientFault(f"{type(error).__name__}: {error}") from error
        if is_transient(response.status_code):
            raise TransientFault(f"status {response.status_code}")
        if response.status_code == 400 and "context" in response.text.lower():
            return None
        if response.status_code != 200:
            raise EndpointError(f"{self._url}: status {response.status_code}: {response.text[:200]}")
        try:
            reply = response.json()
        except json.JSONDecodeError as error:
            raise TransientFault("a reply that is no JSON") from error
        if not isinstance(reply, dict):
            raise EndpointError(f"{self._url}: the reply is no JSON object: {response.text[:200]}")
        return reply


def chat_messages(conversation: Conversation) -> list[dict[str, Any]]:
    """The messages as the API wants them: arguments as text, and results of no call (parse errors) from the user."""
    messages = to_openai(conversation.messages)
    for message in messages:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.dumps(call["function"]["arguments"], ensure_ascii=False)
        if message["role"] == "tool" and "tool_call_id" not in message:
            message["role"] = "user"
    return messages


def reply_text(reply: dict[str, Any], origin: str) -> str:
    """A chat completion as the text of a turn. Raises EndpointError for a reply of another shape."""
    try:
        choice = reply["choices"][0]
        message = choice["message"]
        thought = message.get("reasoning_content") or ""
        calls = [
            f'{CALL_OPEN}{{"name":{json.dumps(call["function"]["name"], ensure_ascii=False)},'
            f'"arguments":{_arguments(call["function"]["arguments"])}}}{CALL_CLOSE}'
            for call in message.get("tool_calls") or ()
        ]
        think = f"{THINK_OPEN}{thought}{THINK_CLOSE}" if thought else ""
        end = "" if choice.get("finish_reason") == "length" else END_OF_TEXT
        return think + (message.get("content") or "").removesuffix(END_OF_TEXT) + "\n".join(calls) + end
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise EndpointError(f"{origin}: no chat completion: {type(error).__name__}: {error}") from None


def _arguments(value: object) -> str:
    """Arguments as JSON text; what a server passed on as text stays as it is, for the reader to judge."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
