"""HTTP requests that are tried again: bounded, with pauses that grow and are jittered.

Clients that retry by themselves (s3fs, kubernetes) do not go through here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import httpx
import stamina

T = TypeVar("T")

logging.getLogger("stamina").addHandler(logging.NullHandler())  # a retry is worth a line only where logging is set up


class TransientFault(httpx.HTTPError):
    """A fault that may pass. The message is the reason; `wait_s` is the pause the server asked for, 0 if it did not."""

    def __init__(self, reason: str, *, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def is_transient(status: int) -> bool:
    """Whether a request that got this HTTP status is worth sending again."""
    return status in (408, 409, 425, 429) or status >= 500


def call_with_retries(
    send: Callable[[], T],
    *,
    attempts: int | None = None,
    timeout_s: float | None = None,
    first_wait_s: float,
    longest_wait_s: float,
) -> T:
    """The result of `send`, which is called again after each TransientFault.

    It ends after `attempts` calls, or with the first fault after `timeout_s`; one of them is given. The n-th pause is
    `first_wait_s` * 2^(n-1) and a jitter of up to `first_wait_s`, at most `longest_wait_s`; a pause the server asks for
    takes its place. Raises the last TransientFault, and at once whatever else `send` raises.
    """
    assert attempts is not None or timeout_s is not None, "retries are bounded"
    retrying = stamina.RetryingCaller(
        attempts=attempts,
        timeout=timeout_s,
        wait_initial=first_wait_s,
        wait_max=longest_wait_s,
        wait_jitter=first_wait_s,
    )
    return retrying(_pause_s, send)


def _pause_s(error: Exception) -> bool | float:
    return isinstance(error, TransientFault) and (error.wait_s or True)
