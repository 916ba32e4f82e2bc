"""What is sent again, how often and after which pauses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from stamina.instrumentation import set_on_retry_hooks

from components.core.retries import TransientFault, call_with_retries, is_transient


@pytest.fixture
def waits() -> Iterator[list[float]]:
    paused: list[float] = []
    set_on_retry_hooks([lambda details: paused.append(details.wait_for)])
    yield paused
    set_on_retry_hooks(None)


class Sender:
    """Fails with the given faults, one a call, and then answers."""

    def __init__(self, *faults: Exception) -> None:
        self._faults = list(faults)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self._faults:
            raise self._faults.pop(0)
        return "sent"


def test_pauses_grow_and_what_the_server_asks_for_takes_their_place(waits: list[float]) -> None:
    send = Sender(TransientFault("busy"), TransientFault("slow down", wait_s=0.07), TransientFault("busy"))
    assert call_with_retries(send, attempts=4, first_wait_s=0.01, longest_wait_s=0.03) == "sent"
    assert 0.01 <= waits[0] <= 0.02 and waits[1:] == [0.07, 0.03]


def test_the_last_fault_is_raised_after_the_last_attempt() -> None:
    send = Sender(TransientFault("one"), TransientFault("two"), TransientFault("three"))
    with pytest.raises(TransientFault, match="two"):
        call_with_retries(send, attempts=2, first_wait_s=0.0, longest_wait_s=0.0)
    assert send.calls == 2


def test_time_bounds_them_as_well() -> None:
    faults = [TransientFault("busy") for _ in range(1000)]
    with pytest.raises(TransientFault, match="busy"):
        call_with_retries(Sender(*faults), timeout_s=0.05, first_wait_s=0.01, longest_wait_s=0.01)


def test_other_errors_are_raised_at_once() -> None:
    send = Sender(ValueError("a defect"))
    with pytest.raises(ValueError, match="a defect"):
        call_with_retries(send, attempts=5, first_wait_s=0.0, longest_wait_s=0.0)
    assert send.calls == 1


def test_what_may_pass() -> None:
    assert [status for status in (200, 400, 401, 404, 408, 409, 422, 425, 429, 500, 503) if is_transient(status)] == [
        408, 409, 425, 429, 500, 503,
    ]  # fmt: skip
