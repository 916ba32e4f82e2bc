"""Progress of long work, as one small file that anybody may watch.

A stage knows nothing of Prefect: it writes `{done, total, unit, ...}` to the file named by TRIVIUM_PROGRESS_FILE.
The flow that started it turns the file into a progress artifact, a terminal view shows it as a bar.
Without the variable a line on standard error serves.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from components.core.files import write_file

VARIABLE = "TRIVIUM_PROGRESS_FILE"
_MIN_INTERVAL_S = 0.5  # more often than a person can read is waste


@dataclass(kw_only=True)
class Progress:
    """Reports `done` of `total` units; cheap enough to call every step."""

    stage: str
    path: Path | None
    started_s: float = field(default_factory=time.monotonic)
    _last_s: float = float("-inf")
    _first_done: int | None = None

    @classmethod
    def from_environment(cls, stage: str) -> Progress:
        path = os.environ.get(VARIABLE)
        return cls(stage=stage, path=Path(path) if path else None)

    def update(self, done: int, total: int, unit: str, **metrics: float) -> None:
        """Report that `done` of `total` `unit` are finished; `metrics` (loss, rate, ...) are shown beside it."""
        now = time.monotonic()
        if self._first_done is None:
            self._first_done, self.started_s = done, now
        if now - self._last_s < _MIN_INTERVAL_S and done < total:
            return
        self._last_s = now
        rate = (done - self._first_done) / (now - self.started_s) if now > self.started_s else 0.0
        left_s = (total - done) / rate if rate > 0 else None
        state = {
            "stage": self.stage,
            "done": done,
            "total": total,
            "unit": unit,
            "per_s": rate,
            "left_s": left_s,
            **metrics,
        }
        if self.path is None:
            left = f", {left_s:.0f} s left" if left_s is not None else ""
            extra = "".join(f", {name} {value:.4g}" for name, value in metrics.items())
            print(
                f"{self.stage}: {done:,} of {total:,} {unit} ({rate:,.0f}/s{left}{extra})", file=sys.stderr, flush=True
            )
            return
        with write_file(self.path, durable=False) as temporary:
            temporary.write_text(json.dumps(state), encoding="utf-8")
