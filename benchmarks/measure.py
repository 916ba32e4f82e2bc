"""Timing side by side, peak memory of one call, and the page every benchmark ends with.

Single times on a shared machine swing by a factor of two and more; ratios of calls that took turns do not. So
candidates run in rounds, each once a round, and a ratio is taken within every round: its median is reported with the
lowest and the highest.
"""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from model.roofline import DEVICES, Device

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How many times longer one candidate took than another: median over rounds, lowest, highest."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """Seconds by candidate, one entry a round."""

    seconds: Mapping[str, Sequence[float]]

    def best_s(self, name: str) -> float:
        return min(self.seconds[name])

    def ratio(self, slow: str, fast: str) -> Ratio:
        """Time of `slow` over time of `fast`."""
        each = [s / f for s, f in zip(self.seconds[slow], self.seconds[fast], strict=True)]
        return Ratio(median=statistics.median(each), low=min(each), high=max(each))


def time_in_rounds(calls: Mapping[str, Callable[[], object]], *, rounds: int, device: torch.device) -> Rounds:
    """Run every call once to warm up, then once a round; who begins rotates."""
    names = list(calls)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        calls[name]()
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            _wait(device)
            start = time.perf_counter()
            calls[name]()
            _wait(device)
            seconds[name].append(time.perf_counter() - start)
    return Rounds(seconds=seconds)


def peak_bytes(call: Callable[[], object], device: torch.device) -> int:
    """Most memory held during `call` beyond what was held before. On a CPU resident memory, in this process (Linux)."""
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        return torch.cuda.max_memory_allocated(device) - before
    before = _status_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the high-water mark starts anew
    call()
    return max(0, _status_bytes("VmHWM") - before)


def set_device(threads: int, device: str) -> torch.device:
    """The place a benchmark runs on, with so many threads."""
    torch.set_num_threads(threads)
    return torch.device(device)


def peaks_in_processes(module: str, names: Iterable[str], **options: object) -> dict[str, int]:
    """Peak bytes by candidate, from `python -m module --memory-of NAME` with these options."""
    arguments = [part for name, value in options.items() for part in ("--" + name, value)]
    return {name: in_a_process(module, "--memory-of", name, *arguments) for name in names}


def in_a_process(module: str, *arguments: object) -> Any:
    """The JSON that `python -m module arguments` prints last: a peak is honest only in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{module} {arguments} exited with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def known_device(device: torch.device) -> Device | None:
    """The bounds of this GPU, if `model.roofline` knows them."""
    name = torch.cuda.get_device_name(device).lower() if device.type == "cuda" else ""
    return next((bound for key, bound in DEVICES.items() if key in name), None)


def machine(device: torch.device) -> dict[str, Any]:
    """What a figure depends on beside the code."""
    import transformers

    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    facts: dict[str, Any] = {
        "processor": processor,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
    }
    if device.type == "cuda":
        facts |= {"gpu": torch.cuda.get_device_name(device), "cudnn": torch.backends.cudnn.version()}
    return facts


def report(title: str, rows: Sequence[Mapping[str, object]], device: torch.device) -> None:
    """Print the rows as a table, then machine and rows as one JSON line."""
    facts = machine(device)
    table = Table(title=title, caption=", ".join(f"{name} {value}" for name, value in facts.items()))
    for name in rows[0]:
        table.add_column(name, justify="left" if name == next(iter(rows[0])) else "right")
    for row in rows:
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=160).print(table)
    plain = [{name: vars(value) if isinstance(value, Ratio) else value for name, value in row.items()} for row in rows]
    print(json.dumps({"benchmark": title, "machine": facts, "rows": plain}, sort_keys=True))


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _status_bytes(field: str) -> int:
    line = next(line for line in _STATUS.read_text(encoding="ascii").splitlines() if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024
