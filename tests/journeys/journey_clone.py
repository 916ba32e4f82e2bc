"""A fresh clone of this project in a directory of its own, with a preset small enough for a test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
# What makes `nano` a matter of a few minutes. Every stage and every part of it still runs for real.
SMALL: dict[str, Any] = {
    "preset": "journey",
    "tokenizer.max_bytes_per_domain": 200_000,
    "tokenizer.vocab_size": 1024,
    "trajectories.families": {
        "arithmetic_add": 200,
        "arithmetic_subtract": 40,
        "arithmetic_multiply": 40,
        "factbook_field": 40,
        "code_repair": 4,
    },
    "curriculum.commonsense.token_budget": 16_384,
    "curriculum.stem.token_budget": 8_192,
    "curriculum.longcontext.token_budget": 8_192,
    "curriculum.agentic.token_budget": 16_384,
    # An episode of code may be longer than a row where the vocabulary is so small.
    "curriculum.agentic.agent_streams": {"math": 2, "research": 1},
    "evaluation.held_out_bytes": 3_000,
    "evaluation.episodes": 5,
    "evaluation.max_turn_tokens": 48,
    "evaluation.task_limit": 8,
}


@dataclass(frozen=True)
class Clone:
    """A clone in a directory of its own; nothing is shared with the tree under test but the installed packages."""

    root: Path
    environment: dict[str, str]

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False, timeout=900
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{command} exited with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done

    def python(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", *arguments, check=check)


def clone_project(target: Path) -> Clone:
    """The working tree as git would have it after a commit, with the small preset added and made active."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    params = yaml.safe_load((ROOT / "presets" / "nano.yaml").read_text(encoding="utf-8"))
    for dotted, value in SMALL.items():
        *path, last = dotted.split(".")
        place: Any = params
        for part in path:
            place = place[part]
        place[last] = value
    (target / "presets" / "journey.yaml").write_text(yaml.safe_dump(params, sort_keys=False, allow_unicode=True))
    shutil.copy(target / "presets" / "journey.yaml", target / "params.yaml")
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "A fresh clone"]):
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        subprocess.run(["git", *identity, *command], cwd=target, check=True)
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_", "TRIVIUM_"))
    }
    prefect_port, mlflow_port = free_ports(2)
    environment = kept | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "TRIVIUM_PREFECT_PORT": str(prefect_port),
        "TRIVIUM_MLFLOW_PORT": str(mlflow_port),
        "TRIVIUM_HOME": str(target / ".trivium"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GX_ANALYTICS_ENABLED": "false",
        "DVC_NO_ANALYTICS": "1",
    }
    return Clone(target, environment)
