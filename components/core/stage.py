"""How every stage program begins and ends: one error format, exit codes that mean something, one tracked run.

Exit codes: 0 done; 2 bad input, nothing written; 75 interrupted with its work saved, run the same command again.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from components.core import params as schema
from components.core.errors import EXIT_BAD_INPUT, EXIT_INTERRUPTED, BadInput, Interrupted, fail
from components.core.progress import Progress
from components.core.tracking import StageTracker, track_stage

CPU_THREADS_VARIABLE = "TRIVIUM_CPU_THREADS"


@dataclass(frozen=True, kw_only=True)
class StageContext:
    """What a stage body gets: its validated parameters, the way to report progress, the tracked run."""

    name: str
    params: schema.Params
    progress: Progress
    tracker: StageTracker


def run_stage(name: str, body: Callable[[StageContext], None]) -> NoReturn:
    """Run one stage body and leave the process with the exit code its end deserves.

    `name` is the DVC stage name (`pretrain@agentic` for an entry of a foreach stage).
    """
    try:
        os.environ["OMP_NUM_THREADS"] = str(_cpu_threads())  # read once, when torch or numpy loads: after this line
        params = schema.load(Path("params.yaml"))
        # Of a stage on several devices (torchrun), the first rank alone has a tracked run.
        first = os.environ.get("RANK", "0") == "0"
        with track_stage(name, params) if first else nullcontext(StageTracker(run_id="")) as tracker:
            body(StageContext(name=name, params=params, progress=Progress.from_environment(name), tracker=tracker))
    except BadInput as error:
        fail(name, str(error), EXIT_BAD_INPUT)
    except Interrupted as error:
        fail(name, str(error), EXIT_INTERRUPTED)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        place = error.filename or Path.cwd()
        fail(name, f"{place}: no space left on the disk; free some and run again", EXIT_BAD_INPUT)
    sys.exit(0)


def _cpu_threads() -> int:
    """Threads a stage computes with. One by default: the order of sums, hence the last bits, depends on their number,
    and a small model gains little from two that it does not lose as soon as a neighbour works (docs/notebook.md)."""
    text = os.environ.get(CPU_THREADS_VARIABLE, "1")
    if not text.isdecimal() or int(text) < 1:
        raise BadInput(f"{CPU_THREADS_VARIABLE} = {text!r}: must be a whole number of at least 1")
    return int(text)
