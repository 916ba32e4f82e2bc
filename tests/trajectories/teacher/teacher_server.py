"""A chat-completions server on a free loopback port whose answers and faults a test chooses."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from components.core.params import TeacherSettings
from components.trajectories.teacher.settings import TeacherEndpoint

PRICES = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}


@dataclass(frozen=True)
class Reply:
    """What the server sends; `text` is the body as it stands, `delay_s` how long it waits."""

    text: str
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0


Answerer = Callable[[int, dict[str, Any]], Reply]


class TeacherServer:
    """Counts requests and the usage it reported in replies with status 200 and whole JSON."""

    def __init__(self, answer: Answerer) -> None:
        self.requests = 0
        self.bodies: list[dict[str, Any]] = []
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.requests += 1
                    outer.bodies.append(body)
                    number = outer.requests
                reply = answer(number, body)
                time.sleep(reply.delay_s)
                try:
                    self.send_response(reply.status)
                    for name, value in reply.headers:
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(reply.text.encode())))
                    self.end_headers()
                    self.wfile.write(reply.text.encode())
                except BrokenPipeError:  # the client gave up waiting, as it is meant to
                    pass

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def endpoint(self, **change: Any) -> TeacherEndpoint:
        return TeacherEndpoint(**{"url": self.url, "attempts": 4, "first_wait_s": 0.0, "timeout_s": 60.0} | change)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


def teacher_settings(**change: Any) -> TeacherSettings:
    fields: dict[str, Any] = {"model": "stub", "revision": "r1", "licence": "Apache-2.0", "verbalise": True}
    return TeacherSettings.model_validate(fields | {"share_cap": 1.0, "cost_cap_usd": 1.0, **PRICES} | change)


def completion(text: str | None, *, finish: str = "stop", usage: tuple[int, int] = (50, 20), **message: Any) -> Reply:
    """A chat completion with the content `text`."""
    choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    counted = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return Reply(json.dumps({"choices": [choice], "usage": counted}))


def texts_of(body: dict[str, Any]) -> dict[str, str]:
    """The texts a request asks to have reworded."""
    steps = json.loads(body["messages"][1]["content"])["steps"]
    return {str(step["step"]): step["reword"] for step in steps if "reword" in step}


def reworded(texts: dict[str, str]) -> str:
    """An honest answer: an opening more, every fact as it was."""
    return json.dumps({"texts": {number: f"Well then: {text}" for number, text in texts.items()}})


def lying(texts: dict[str, str]) -> str:
    """Every number is one more."""
    wrong = {n: re.sub(r"\d+", lambda m: str(int(m[0]) + 1), text) + " So 77." for n, text in texts.items()}
    return json.dumps({"texts": wrong})
