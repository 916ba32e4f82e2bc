"""What runs inside a pod: unpack the workspace, run the one stage, push its outputs and run cache.

`python -m flows.execution.pod` takes everything from its environment (the Job sets it). It exits as the stage did: 0
done, 2 bad input, 75 interrupted with its work saved. Progress leaves as lines that begin with PROGRESS_PREFIX.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

from components.core.errors import EXIT_BAD_INPUT, EXIT_INTERRUPTED, BadInput, fail
from flows.execution.base import stage_exit_code
from flows.execution.snapshot import unpack
from flows.execution.watched import WatchedProcess

PROGRESS_PREFIX = "trivium-progress "
STAGE_VARIABLE = "TRIVIUM_STAGE"
SNAPSHOT_VARIABLE = "TRIVIUM_SNAPSHOT"
REMOTE_VARIABLE = "TRIVIUM_REMOTE"
WORKSPACE_VARIABLE = "TRIVIUM_WORKSPACE"
GRACE_VARIABLE = "TRIVIUM_GRACE_S"


def configure_dvc(workspace: Path, remote: str) -> None:
    """Point a workspace without git at the remote that is the exchange. Credentials stay in the environment."""
    lines = ["[core]", "    no_scm = true", "    remote = exchange", "['remote \"exchange\"']", f"    url = {remote}"]
    if os.environ.get("AWS_ENDPOINT_URL") and remote.startswith("s3://"):
        lines.append(f"    endpointurl = {os.environ['AWS_ENDPOINT_URL']}")
    (workspace / ".dvc" / "config.local").write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_under_watchdog(command: list[str], workspace: Path, progress_file: Path) -> int:
    """Run `command`, print its lines and progress, and let it save its work when the pod is told to stop.

    Returns the stage's own exit code; 75 if it was stopped.
    """
    process = WatchedProcess(
        command,
        workspace=workspace,
        environment={**os.environ, "PYTHONPATH": str(workspace)},
        progress_file=progress_file,
        grace_s=float(os.environ.get(GRACE_VARIABLE, "60")),
    )
    stopped = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopped.set()
        process.stop()

    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, stop)
    exit_code, lines, _ = process.follow(
        on_progress=lambda state: print(PROGRESS_PREFIX + json.dumps(state), flush=True),
        on_line=lambda line: print(line, flush=True),
    )
    code = stage_exit_code(exit_code, lines)
    return EXIT_INTERRUPTED if stopped.is_set() and code != 0 else code


def main() -> int:
    """Run the stage named by the environment; the return value is the exit code."""
    missing = [name for name in (STAGE_VARIABLE, SNAPSHOT_VARIABLE, REMOTE_VARIABLE) if not os.environ.get(name)]
    if missing:
        raise BadInput(f"{', '.join(missing)}: not set; this program is started by a stage's Job, see infra/kubernetes")
    stage, snapshot, remote = (os.environ[name] for name in (STAGE_VARIABLE, SNAPSHOT_VARIABLE, REMOTE_VARIABLE))
    workspace = Path(os.environ.get(WORKSPACE_VARIABLE, "/workspace")) / snapshot.rpartition("/")[2].partition(".")[0]
    unpack(snapshot, workspace)
    configure_dvc(workspace, remote)
    dvc = [sys.executable, "-m", "dvc"]
    code = run_under_watchdog(
        [*dvc, "repro", "--single-item", "--pull", stage], workspace, workspace / ".progress.json"
    )
    if code != 0:
        return code
    return subprocess.run([*dvc, "push", "--quiet", "--run-cache", stage], cwd=workspace, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BadInput as error:
        fail("pod", str(error), EXIT_BAD_INPUT)
