"""Bringing a finished run's results into the caller's working tree, where they belong to its parameters."""

from __future__ import annotations

import subprocess
import sys

import yaml

from components.core.files import write_text
from components.core.params import read_yaml
from components.core.paths import repository_root
from flows.workspace import read_experiment_file


def bring_home(name: str) -> str:
    """Check the run's outputs out beside the user's files if `params.yaml` says the same there; tell what was done.

    Files of the user that DVC does not know are never overwritten: then the results stay in the experiment.
    """
    root = repository_root()
    apply = f"bring them here with `dvc exp apply {name}`"
    params, lock = read_experiment_file(name, "params.yaml"), read_experiment_file(name, "dvc.lock")
    if params is None or lock is None:
        return f"the results are not in this clone; see the run {name} in Prefect"
    if yaml.safe_load(params) != read_yaml(root / "params.yaml"):
        return f"params.yaml here differs from the run's, so its results stay in experiment {name}; {apply}"
    before = (root / "dvc.lock").read_text() if (root / "dvc.lock").is_file() else None
    write_text(root / "dvc.lock", lock)
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "checkout", "--allow-missing", "--quiet"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        model = f"; the released model: {root / 'release'}" if (root / "release").is_dir() else ""
        return f"the results are in the working tree (`dvc status` says they are up to date){model}"
    if before is None:
        (root / "dvc.lock").unlink()
    else:
        write_text(root / "dvc.lock", before)
    return (
        f"dvc checkout refused ({done.stderr.strip().splitlines()[-1]}); the results stay in experiment {name}; {apply}"
    )
