"""How every stage program begins and ends: one error format, exit codes that mean something, one tracked run.

A program is `with run_stage("curate") as context: run(context)`; the body of every stage is a function `run(context)`,
of a stage with entries `run(context, name)`.

Exit codes: 0 done; 2 bad input, nothing written; 75 interrupted with its work saved, run the same command again.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

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


@contextmanager
def run_stage(stage: str, entry: str | None = None) -> Iterator[StageContext]:
    """The context of one stage; an error in the `with` block ends the process with the exit code of its kind.

    `stage` is the stage's name in dvc.yaml. `entry` is an entry of `curriculum`, for a stage that runs once for each;
    an unknown one is bad input. What computes is imported inside the block: the number of threads is set before it.
    """
    name = stage if entry is None else f"{stage}@{entry}"
    try:
        os.environ["OMP_NUM_THREADS"] = str(_cpu_threads())  # read once, when torch or numpy loads: after this line
        params = schema.load(Path("params.yaml"))
        if entry is not None:
            schema.find_stage(params, entry)
        # Of a stage on several devices (torchrun), the first rank alone has a tracked run.
        first = os.environ.get("RANK", "0") == "0"
        with track_stage(name, params) if first else nullcontext(StageTracker(run_id="")) as tracker:
            yield StageContext(name=name, params=params, progress=Progress.from_environment(name), tracker=tracker)
    except BadInput as error:
        fail(name, str(error), EXIT_BAD_INPUT)
    except Interrupted as error:
        fail(name, str(error), EXIT_INTERRUPTED)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        place = error.filename or Path.cwd()
        fail(name, f"{place}: no space left on the disk; free some and run again", EXIT_BAD_INPUT)


def _cpu_threads() -> int:
    """Threads a stage computes with. One by default: the order of sums, hence the last bits, depends on their number,
    and a small model gains little from two that it does not lose as soon as a neighbour works (docs/notebook.md)."""
    text = os.environ.get(CPU_THREADS_VARIABLE, "1")
    if not text.isdecimal() or int(text) < 1:
        raise BadInput(f"{CPU_THREADS_VARIABLE} = {text!r}: must be a whole number of at least 1")
    return int(text)
