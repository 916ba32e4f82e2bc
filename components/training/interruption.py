"""A request to stop, noticed between two optimizer steps.

Lightning turns SIGTERM into SystemExit with code 0, which DVC would record as a finished stage, and broadcasts inside
the handler, which hangs when one rank alone is signalled. Here the handler sets a flag and nothing else; the ranks
agree on it at a step boundary, save, and the stage leaves with exit code 75.
"""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Context manager that owns SIGTERM and SIGINT while training runs; `received` names the signal that came."""

    def __init__(self) -> None:
        self.received: str | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def hold(self) -> None:
        """Keep signals pending while Lightning installs handlers of its own; `listen` then delivers them."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def listen(self) -> None:
        """(Re)install the handler, over whatever a library put there, and let pending signals in."""
        for number in _SIGNALS:
            signal.signal(number, self._handle)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self.received = signal.Signals(number).name
