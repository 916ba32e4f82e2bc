"""Runs generated code where it can do no harm: see `sandbox.py` (owner), `worker.py` (inside), `kernel.py` (Linux)."""

from components.sandbox.sandbox import Sandbox, SandboxReport, probe
from components.sandbox.wire import Limits, Result

__all__ = ["Limits", "Result", "Sandbox", "SandboxReport", "probe"]
