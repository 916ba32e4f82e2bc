"""Where Trivium keeps what is not versioned on this machine: services' data, progress, in-progress checkpoints.

All worktrees of a clone share one home, the main worktree's `.trivium/`; TRIVIUM_HOME overrides it.
"""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

VARIABLE = "TRIVIUM_HOME"


@cache
def repository_root() -> Path:
    """Root of the main worktree of this clone, or the current directory outside git."""
    asked = subprocess.run(
        ["git", "rev-parse", "--path-format=absolute", "--git-common-dir"], capture_output=True, text=True, check=False
    )
    return Path(asked.stdout.strip()).parent if asked.returncode == 0 else Path.cwd()


def home() -> Path:
    """The home directory, made if it is missing."""
    path = Path(os.environ.get(VARIABLE) or repository_root() / ".trivium")
    path.mkdir(parents=True, exist_ok=True)
    return path
