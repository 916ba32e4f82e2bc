"""What a flow asks of the place where a stage runs, whatever place that is.

A request names a stage and the workspace holding the graph; the executor leaves the stage's outputs and lock entry in
that workspace, or says why not. It never decides what runs: DVC's hashes did that before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from components.core.errors import EXIT_BAD_INPUT, EXIT_INTERRUPTED

OnProgress = Callable[[Mapping[str, Any]], None]
"""Gets the stage's newest state as components.core.progress writes it: its fields and metrics."""
OnLine = Callable[[str], None]
"""Gets each line the stage prints."""

_SKIPPED = re.compile(r"^Stage '.*' (didn't change, skipping|is cached - skipping run)")
_EXITED = re.compile(r"exited with (-?\d+)$")


class StageStatus(Enum):
    """How a stage ended, as far as the flow must tell ends apart."""

    DONE = "done"
    BAD_INPUT = "bad input"  # exit 2: a person must change something; never retried
    INTERRUPTED = "interrupted"  # exit 75: work is saved, the same request continues it
    LOST = "lost"  # the place went away (an evicted pod): an infrastructure fault, retried
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"  # by Executor.cancel
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class StageRequest:
    """One stage to run."""

    stage: str
    workspace: Path
    run_name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables the stage needs to find its tracked run and its parent; no credentials."""
    timeout_s: float


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """How it ended."""

    status: StageStatus
    seconds: float
    message: str = ""
    """One line on what ended it, for a person; empty when done."""
    unchanged: bool = False
    """Done without running: what ran upstream left the stage's inputs as they were, or the work was in the cache."""


class Executor(Protocol):
    """A place that runs stages. Several threads may call `run` at once."""

    def run(self, request: StageRequest, on_progress: OnProgress, on_line: OnLine) -> StageResult:
        """Run the stage to its end and report on the way. Blocks. A stage that fails is a result, not an exception."""

    def cancel(self) -> None:
        """Stop every stage that runs, let each save its work, and return when all are gone.

        Requests that come later end as CANCELLED at once. Safe to call from a signal handler's thread, and twice.
        """


def stage_exit_code(exit_code: int, lines: Sequence[str]) -> int:
    """The stage's own exit code, from the exit code of `dvc repro` and the last lines printed.

    DVC itself exits 255 whatever the stage did and names the stage's exit code in its last error line.
    """
    named = [match for line in lines if (match := _EXITED.search(line.strip()))]
    return int(named[-1].group(1)) if exit_code != 0 and named else exit_code


def was_skipped(lines: Sequence[str]) -> bool:
    """Whether `dvc repro` of one stage found nothing to run."""
    return any(_SKIPPED.match(line) for line in lines)


def judge(stage: str, exit_code: int, lines: Sequence[str]) -> tuple[StageStatus, str]:
    """How the stage ended and a message, from the exit code of `dvc repro` and the last lines printed."""
    if exit_code == 0:
        return StageStatus.DONE, ""
    code = stage_exit_code(exit_code, lines)
    own = [line.strip() for line in lines if line.startswith(f"{stage}: ")]
    errors = [line.strip() for line in lines if line.startswith("ERROR:")]
    reason = (own or errors or [line.strip() for line in lines if line.strip()] or ["it printed nothing"])[-1]
    reason = reason.removeprefix(f"{stage}: ").removeprefix("ERROR: ")
    if code == EXIT_BAD_INPUT:
        return StageStatus.BAD_INPUT, reason
    if code == EXIT_INTERRUPTED:
        return StageStatus.INTERRUPTED, reason
    return StageStatus.FAILED, f"exit code {code}: {reason}"
