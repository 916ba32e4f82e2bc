"""Places on the machine: how many stages of a run may work at once, and which of them need more than one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Slots:
    """A number of places that threads take and give back, several at a time, without holding some while waiting."""

    def __init__(self, places: int) -> None:
        self._places = self._free = places
        self._changed = threading.Condition()

    @contextmanager
    def take(self, wanted: int) -> Iterator[None]:
        """Hold `wanted` places, or all there are if that is fewer; waits until they are free together."""
        taken = min(wanted, self._places)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= taken)
            self._free -= taken
        try:
            yield
        finally:
            with self._changed:
                self._free += taken
                self._changed.notify_all()
