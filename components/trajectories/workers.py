"""Work spread over processes that each know every task family. Results come in the order of the work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

import psutil

from components.trajectories.episodes import Synthesizer

Item = TypeVar("Item")
Result = TypeVar("Result")
_MAX_WORKERS = 4


def worker_count(items: int) -> int:
    """As many processes as there are cores, and no more than there is work for."""
    return max(1, min(_MAX_WORKERS, os.cpu_count() or 1, items))


def in_workers(work: Callable[[Synthesizer, Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """`work` of every item. It must be importable by name, and its result must not depend on the process it runs in."""
    if workers == 1:
        yield from map(partial(work, Synthesizer()), items)
        return
    # Spawned, not forked: the stage's own process runs threads.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start) as pool:
        yield from pool.map(partial(_do, work), items)


def cpu_s() -> float:
    """Processor time of this process and its children, ended ones included."""
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return sum(spent.user + spent.system + spent.children_user + spent.children_system for spent in times)


_synthesizer: Synthesizer


def _start() -> None:
    global _synthesizer
    _synthesizer = Synthesizer()


def _do(work: Callable[[Synthesizer, Item], Result], item: Item) -> Result:
    return work(_synthesizer, item)
