"""Requests to a real HTTP server that stumbles: what is tried again, what is kept, what is never paid twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stamina.instrumentation import set_on_retry_hooks
from teacher_server import Answerer, Reply, TeacherServer, completion, teacher_settings

from components.core.errors import BadInput
from components.trajectories.teacher.cache import AnswerCache, request_key
from components.trajectories.teacher.client import Allowance, BudgetExceeded, TeacherClient, content
from components.trajectories.teacher.settings import KEY_VARIABLE, URL_VARIABLE, TeacherEndpoint

Serve = Callable[[Answerer], TeacherServer]
MESSAGES = [{"role": "user", "content": "Say it."}]


def _client(server: TeacherServer, path: Path, **change: Any) -> TeacherClient:
    endpoint = server.endpoint(**change.pop("endpoint", {}))
    return TeacherClient(endpoint, teacher_settings(**change), AnswerCache(path / "answers.sqlite"))


@pytest.fixture
def waits() -> Iterator[list[float]]:
    """The pauses before each request that is tried again, in seconds."""
    paused: list[float] = []
    set_on_retry_hooks([lambda details: paused.append(details.wait_for)])
    yield paused
    set_on_retry_hooks(None)


@pytest.mark.parametrize(
    "stumble",
    [
        Reply("slow down", status=429, headers=(("Retry-After", "0.2"),)),
        Reply("broken", status=500),
        Reply("busy", status=503),
        Reply('{"choices": [{"mess'),
        Reply('{"choices": []}'),
        Reply("[]"),
    ],
    ids=["429", "500", "503", "truncated", "no choice", "a list"],
)
def test_what_may_pass_is_tried_again(serve: Serve, tmp_path: Path, stumble: Reply, waits: list[float]) -> None:
    server = serve(lambda number, body: stumble if number < 3 else completion("Right."))
    with _client(server, tmp_path) as client:
        allowance = Allowance(usd=1.0)
        answer = client.ask(MESSAGES, allowance)
    assert content(answer) == ("Right.", "") and (server.requests, len(waits)) == (3, 2)
    assert all(wait >= 0.2 for wait in waits) == (stumble.status == 429)
    assert allowance.spent_usd == answer.cost_usd == pytest.approx((50 * 1 + 20 * 2) / 1e6)


def test_a_slow_answer_is_given_up_and_asked_for_again(serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda number, body: completion("Late.", usage=(1, 1)) if number > 1 else Reply("", delay_s=1.0))
    with _client(server, tmp_path, endpoint={"timeout_s": 0.3}) as client:
        allowance = Allowance(usd=1.0)
        assert content(client.ask(MESSAGES, allowance))[0] == "Late."
    assert allowance.lost_usd > 0, "it may have been billed"


def test_attempts_are_bounded_and_the_error_names_field_and_remedy(serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda number, body: Reply("no", status=502))
    with _client(server, tmp_path) as client, pytest.raises(BadInput, match=rf"{URL_VARIABLE} = .*status 502.*again"):
        client.ask(MESSAGES, Allowance(usd=1.0))
    assert server.requests == 4


@pytest.mark.parametrize("status", [401, 403, 404])
def test_other_faults_end_the_run_at_once(serve: Serve, tmp_path: Path, status: int) -> None:
    server = serve(lambda number, body: Reply("who are you", status=status))
    with _client(server, tmp_path) as client, pytest.raises(BadInput, match=f"status {status}.*{KEY_VARIABLE}"):
        client.ask(MESSAGES, Allowance(usd=1.0))
    assert server.requests == 1


def test_a_refused_request_is_an_answer_and_is_not_asked_again(serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda number, body: Reply("too long", status=400))
    for _ in range(2):
        with _client(server, tmp_path) as client:
            answer = client.ask(MESSAGES, Allowance(usd=1.0))
            assert content(answer) == ("", "status 400: too long") and answer.cost_usd == 0
    assert server.requests == 1


def test_a_long_retry_after_ends_the_run_instead_of_sleeping(serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda number, body: Reply("", status=429, headers=(("Retry-After", "7200"),)))
    with _client(server, tmp_path) as client, pytest.raises(BadInput, match="7200 s"):
        client.ask(MESSAGES, Allowance(usd=1.0))


def test_a_warm_cache_asks_nothing_and_costs_the_same(serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda number, body: completion(f"Answer {number}."))
    seen = []
    for _ in range(3):
        with _client(server, tmp_path) as client:
            allowance = Allowance(usd=1.0)
            seen.append((client.ask(MESSAGES, allowance), allowance.spent_usd))
    assert server.requests == 1 and seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize(
    "change", [{"model": "b"}, {"revision": "r2"}, {"temperature": 0.1}, {"max_tokens": 99}, {"seed": 3}]
)
def test_the_key_covers_all_an_answer_depends_on(change: dict[str, Any]) -> None:
    plain, changed = teacher_settings(), teacher_settings(**change)
    assert request_key(plain, MESSAGES, []) != request_key(changed, MESSAGES, [])
    assert request_key(plain, MESSAGES, []) != request_key(plain, [*MESSAGES, *MESSAGES], [])
    assert request_key(plain, MESSAGES, []) != request_key(plain, MESSAGES, [{"type": "function"}])
    assert request_key(plain, MESSAGES, []) == request_key(teacher_settings(cost_cap_usd=9), MESSAGES, [])


@settings(max_examples=20, deadline=None)
@given(cap_usd=st.floats(0, 0.02), usage=st.tuples(st.integers(0, 80), st.integers(0, 1024)))
def test_the_cap_is_never_exceeded(
    tmp_path_factory: pytest.TempPathFactory, cap_usd: float, usage: tuple[int, int]
) -> None:
    server = TeacherServer(lambda number, body: completion("Yes.", usage=usage))
    allowance = Allowance(usd=cap_usd)
    try:
        with _client(server, tmp_path_factory.mktemp("cache")) as client:
            for number in range(20):
                client.ask([{"role": "user", "content": str(number)}], allowance)
    except BudgetExceeded:
        pass
    finally:
        server.stop()
    assert allowance.spent_usd <= cap_usd
    assert allowance.spent_usd == pytest.approx(server.requests * (usage[0] + 2 * usage[1]) / 1e6)


@pytest.mark.parametrize("usage", [(9_999_999, 1), (1, 1025)])
def test_an_endpoint_that_bills_more_than_was_asked_for_ends_the_run(
    serve: Serve, tmp_path: Path, usage: tuple[int, int]
) -> None:
    server = serve(lambda number, body: completion("Yes.", usage=usage))
    with _client(server, tmp_path) as client, pytest.raises(BadInput, match=r"max_tokens.*cost_cap_usd"):
        client.ask(MESSAGES, Allowance(usd=1.0))


def test_usage_that_is_missing_counts_at_its_most(serve: Serve, tmp_path: Path) -> None:
    reply = json.loads(completion("Yes.").text) | {"usage": {"prompt_tokens": -4, "completion_tokens": "many"}}
    server = serve(lambda number, body: Reply(json.dumps(reply)))
    with _client(server, tmp_path) as client:
        answer = client.ask(MESSAGES, Allowance(usd=1.0))
    assert answer.completion_tokens == 1024 and answer.prompt_tokens > len(json.dumps(MESSAGES))


def test_the_address_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    with pytest.raises(BadInput, match=f"{URL_VARIABLE}: .*trajectories.teacher"):
        TeacherEndpoint.from_environment()
    monkeypatch.setenv(URL_VARIABLE, "localhost:80")
    with pytest.raises(BadInput, match="= 'localhost:80'"):
        TeacherEndpoint.from_environment()
    monkeypatch.setenv(URL_VARIABLE, "http://127.0.0.1:1/v1")
    monkeypatch.setenv(KEY_VARIABLE, "not to be shown")
    assert "not to be shown" not in repr(TeacherEndpoint.from_environment())
