"""The endpoint policy against a real HTTP server that answers, stumbles and breaks as servers do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from components.agent.endpoint import EndpointError, EndpointPolicy
from components.agent.environment import TaskFamily
from components.agent.episode_loop import Episode, run_episodes

Families = Mapping[str, TaskFamily]
Reply = tuple[int, str]


class Server:
    """Loopback server on a free port; `answer` maps (number of the request, its body) to status and text."""

    def __init__(self, answer: Callable[[int, dict[str, Any]], Reply]) -> None:
        self.bodies: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/chat/completions"
                outer.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                status, text = answer(len(outer.bodies), outer.bodies[-1])
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[int, dict[str, Any]], Reply]], Server]]:
    servers: list[Server] = []

    def start(answer: Callable[[int, dict[str, Any]], Reply]) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def _says(finish_reason: str = "stop", **message: Any) -> Reply:
    return 200, json.dumps({"choices": [{"message": {"role": "assistant", **message}, "finish_reason": finish_reason}]})


def _call(arguments: Any, name: str = "calculator") -> list[dict[str, Any]]:
    return [{"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}]


def _play(families: Families, url: str, **options: Any) -> Episode:
    task = families["arithmetic_add"].sample(1, "heldout")
    with EndpointPolicy(url, first_wait_s=0.01, **options) as policy:
        return run_episodes(policy, [task], families=families, max_turns=4)[0]


@pytest.fixture
def value(families: Families) -> str:
    return str(families["arithmetic_add"].sample(1, "heldout").payload["value"])


def _sum(families: Families) -> str:
    payload = families["arithmetic_add"].sample(1, "heldout").payload
    return "+".join(map(str, payload["operands"]))


@pytest.mark.parametrize("raw", [False, True])
def test_parsed_and_raw_turns_mean_the_same(families: Families, serve: Any, value: str, raw: bool) -> None:
    expression = _sum(families)

    def answer(number: int, body: dict[str, Any]) -> Reply:
        if body["messages"][-1]["role"] == "tool":
            return _says(content=f"It is {body['messages'][-1]['content']}.")
        arguments = json.dumps({"expression": expression})
        if raw:
            call = f'<tool_call>{{"name": "calculator", "arguments": {arguments}}}</tool_call>'
            return _says(content=f"<think><plan>add</think>{call}")
        return _says("tool_calls", content=None, reasoning_content="add them", tool_calls=_call(arguments))

    server = serve(answer)
    episode = _play(families, server.url)
    assert episode.success and episode.tool_calls == 1 and episode.answer == f"It is {value}."
    first, second = server.bodies
    assert first["tools"][0]["function"]["name"] == "calculator" and first["temperature"] == 0.0
    sent = second["messages"][1]["tool_calls"][0]
    assert json.loads(sent["function"]["arguments"]) == {"expression": expression}
    assert second["messages"][2]["tool_call_id"] == sent["id"]


def test_a_broken_call_of_a_server_is_refused(families: Families, serve: Any) -> None:
    server = serve(lambda number, body: _says("tool_calls", tool_calls=_call('{"expression": "1+1"')))
    episode = _play(families, server.url)
    assert (episode.end, episode.tool_calls) == ("parse_errors", 0)
    assert server.bodies[1]["messages"][-1]["role"] == "user", "a result of no call comes from the user"


def test_what_was_cut_off_is_no_answer(families: Families, serve: Any) -> None:
    assert _play(families, serve(lambda number, body: _says("length", content="The ans")).url).end == "parse_errors"


def test_faults_that_pass_are_tried_again(families: Families, serve: Any) -> None:
    faults = [(429, "slow down"), (500, "oops"), (200, '{"choices": [{"mess')]
    server = serve(lambda number, body: faults[number - 1] if number <= 3 else _says(content="no idea"))
    episode = _play(families, server.url, attempts=4)
    assert episode.end == "answered" and len(server.bodies) == 4


def test_attempts_are_bounded(families: Families, serve: Any) -> None:
    server = serve(lambda number, body: (503, "busy"))
    with pytest.raises(EndpointError, match="no reply in 3 attempts; last: status 503"):
        _play(families, server.url, attempts=3)
    assert len(server.bodies) == 3


def test_a_refusal_is_not_repeated(families: Families, serve: Any) -> None:
    server = serve(lambda number, body: (401, "who are you"))
    with pytest.raises(EndpointError, match="status 401: who are you"):
        _play(families, server.url)
    assert len(server.bodies) == 1


def test_nobody_there(families: Families, serve: Any) -> None:
    server = serve(lambda number, body: _says(content="hi"))
    server.stop()
    with pytest.raises(EndpointError, match="no reply in 2 attempts; last: ConnectError"):
        _play(families, server.url, attempts=2)


@pytest.mark.parametrize("text", ["[]", "{}", '{"choices": []}', '{"choices": [{"message": null}]}'])
def test_replies_of_another_shape(families: Families, serve: Any, text: str) -> None:
    with pytest.raises(EndpointError, match=r"no chat completion|no JSON object"):
        _play(families, serve(lambda number, body: (200, text)).url)


def test_too_long_ends_the_episode(families: Families, serve: Any) -> None:
    server = serve(lambda number, body: (400, '{"error":{"message":"request exceeds the available context size"}}'))
    episode = _play(families, server.url)
    assert episode.end == "context_overflow" and len(server.bodies) == 1


def test_many_conversations_keep_their_order(families: Families, serve: Any) -> None:
    server = serve(lambda number, body: _says(content=body["messages"][0]["content"]))
    tasks = [families["arithmetic_add"].sample(seed, "heldout") for seed in range(12)]
    with EndpointPolicy(server.url, parallel_requests=4) as policy:
        episodes = run_episodes(policy, tasks, families=families, max_turns=2)
    assert [episode.answer for episode in episodes] == [task.prompt for task in tasks]
