"""Requests to the teacher: cached, bounded in number and in money.

Faults that may pass (429, 5xx, time-outs, no connection, a reply that is no completion) are tried again after jittered,
growing pauses, or after the pause that `Retry-After` asks for. A request the endpoint refuses for what it asks (400,
413, 422) is an answer, kept like others. All else ends the run with one error; what was answered is kept, the next run
goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import httpx

from components.core.errors import BadInput
from components.core.params import TeacherSettings
from components.core.retries import TransientFault, call_with_retries, is_transient
from components.trajectories.teacher.cache import AnswerCache, TeacherAnswer, request_key
from components.trajectories.teacher.settings import KEY_VARIABLE, URL_VARIABLE, TeacherEndpoint

_REFUSED_STATUS = frozenset((400, 413, 422))
_LONGEST_WAIT_S = 60.0
_LONGEST_RETRY_AFTER_S = 600.0
_MESSAGE_TOKENS = 64  # what a chat template may add to a message


class _LostReply(TransientFault):
    """No usable reply, though the request may have been answered and billed."""


class BudgetExceeded(Exception):
    """The next request could cost more than what is left."""


@dataclass
class Allowance:
    """Money for one piece of work; `spent_usd` counts answers, `lost_usd` what unanswered attempts may have cost."""

    usd: float
    spent_usd: float = 0.0
    lost_usd: float = 0.0

    def covers(self, bound_usd: float) -> bool:
        return self.spent_usd + self.lost_usd + bound_usd <= self.usd


class TeacherClient:
    """One teacher at one endpoint. `requests` counts what went over the wire."""

    def __init__(
        self,
        endpoint: TeacherEndpoint,
        settings: TeacherSettings,
        cache: AnswerCache,
    ) -> None:
        self.settings = settings
        self.requests = 0
        self._endpoint = endpoint
        self._cache = cache
        self._url = f"{endpoint.url.rstrip('/')}/chat/completions"
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        self._client = httpx.Client(headers=headers, timeout=endpoint.timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def ask(
        self,
        messages: Sequence[Mapping[str, Any]],
        allowance: Allowance,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> TeacherAnswer:
        """The answer, from the cache or from the endpoint. What it cost, and what attempts before it may have cost, is
        taken from `allowance` either way, so that a run with a warm cache does the same. Raises BudgetExceeded before a
        request that could exceed it."""
        settings = self.settings
        bound_tokens = _bound_tokens(messages, tools)
        bound_usd = settings.cost_usd(bound_tokens, settings.max_tokens)
        if not allowance.covers(bound_usd):
            raise BudgetExceeded
        key = request_key(settings, messages, tools)
        answer = self._cache.get(key, settings)
        if answer is None:
            answer = self._request(key, messages, tools, bound_tokens, allowance)
            self._cache.put(answer)
        else:
            allowance.lost_usd += answer.lost * bound_usd
        allowance.spent_usd += answer.cost_usd
        return answer

    def _request(
        self,
        key: str,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        bound_tokens: int,
        allowance: Allowance,
    ) -> TeacherAnswer:
        settings = self.settings
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": list(messages),
            "temperature": settings.temperature,
            "max_tokens": settings.max_tokens,
            "seed": settings.seed,
        }
        if tools:
            body["tools"] = list(tools)
        bound_usd = settings.cost_usd(bound_tokens, settings.max_tokens)
        reason, lost = "", 0

        def send() -> TeacherAnswer:
            nonlocal reason, lost
            if not allowance.covers(bound_usd):
                raise self._failure(f"{reason}; trying again could exceed trajectories.teacher.cost_cap_usd")
            self.requests += 1
            try:
                reply, refusal = self._post(body)
            except TransientFault as fault:
                reason = str(fault)
                if isinstance(fault, _LostReply):
                    lost += 1
                    allowance.lost_usd += bound_usd
                raise
            if refusal:
                return TeacherAnswer(
                    key=key, reply={}, refusal=refusal, prompt_tokens=0, completion_tokens=0, cost_usd=0.0, lost=lost
                )
            return self._answer(key, reply, bound_tokens, lost)

        try:
            return call_with_retries(
                send,
                attempts=self._endpoint.attempts,
                first_wait_s=self._endpoint.first_wait_s,
                longest_wait_s=_LONGEST_WAIT_S,
            )
        except TransientFault:
            raise self._failure(f"no answer in {self._endpoint.attempts} attempts; last: {reason}") from None

    def _post(self, body: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """One request: the chat completion, or {} and why the endpoint refuses it. Raises TransientFault."""
        try:
            response = self._client.post(self._url, json=body)
        except httpx.TransportError as error:
            not_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise (TransientFault if not_sent else _LostReply)(f"{type(error).__name__}: {error}") from error
        status = response.status_code
        if status == 200:
            reply = _completion(response)
            if reply is None:
                raise _LostReply("a reply that is no chat completion")
            return reply, ""
        if status in _REFUSED_STATUS:
            return {}, f"status {status}: {response.text[:200]}"
        if not is_transient(status):
            raise self._failure(f"status {status}: {response.text[:200]}")
        wait_s = _retry_after_s(response.headers.get("Retry-After", ""))
        if wait_s > _LONGEST_RETRY_AFTER_S:
            raise self._failure(f"status {status}, to be tried again in {wait_s:.0f} s")
        raise TransientFault(f"status {status}", wait_s=wait_s)

    def _answer(self, key: str, reply: dict[str, Any], bound_tokens: int, lost: int) -> TeacherAnswer:
        """A reply that does not say what it used is counted at the most it can have used."""
        usage = reply.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        prompt_tokens = _count(usage.get("prompt_tokens"), bound_tokens)
        completion_tokens = _count(usage.get("completion_tokens"), self.settings.max_tokens)
        if prompt_tokens > bound_tokens or completion_tokens > self.settings.max_tokens:
            raise self._failure(
                f"it counts {prompt_tokens} + {completion_tokens} tokens where at most {bound_tokens} + "
                f"{self.settings.max_tokens} (max_tokens) were asked for, so cost_cap_usd could not be kept"
            )
        return TeacherAnswer(
            key=key,
            reply={"choices": reply["choices"][:1]},
            refusal="",
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cost_usd=self.settings.cost_usd(prompt_tokens, completion_tokens),
            lost=lost,
        )

    def _failure(self, what: str) -> BadInput:
        return BadInput(
            f"{URL_VARIABLE} = {self._endpoint.url!r} ({self.settings.name}): {what}; check the address, "
            f"{KEY_VARIABLE} and trajectories.teacher.model, then run again: what was answered is kept"
        )


def content(answer: TeacherAnswer) -> tuple[str, str]:
    """The text of an answer and, where it is of no use, why."""
    if answer.refusal:
        return "", answer.refusal
    choice = answer.reply["choices"][0]
    text = choice["message"].get("content")
    if not isinstance(text, str) or not text.strip():
        return "", "an empty answer"
    return text, "the answer was cut off" if choice.get("finish_reason") == "length" else ""


def _completion(response: httpx.Response) -> dict[str, Any] | None:
    """The reply if it has the shape of a chat completion."""
    try:
        reply = response.json()
    except ValueError:  # truncated JSON, or half a character
        return None
    choices = reply.get("choices") if isinstance(reply, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    return reply if isinstance(choices[0].get("message"), dict) else None


def _bound_tokens(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> int:
    """The most tokens a prompt can have: no tokenizer of bytes makes more than one of a byte."""
    return len(json.dumps([*messages, *tools], ensure_ascii=False).encode()) + _MESSAGE_TOKENS * (len(messages) + 1)


def _count(value: object, otherwise: int) -> int:
    return value if type(value) is int and value >= 0 else otherwise


def _retry_after_s(text: str) -> float:
    """Seconds, or the time until a date; 0 where it says neither."""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0
