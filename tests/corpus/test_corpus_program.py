"""The stages as programs: exit codes, nothing half-written, a killed run completes with the same bytes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

from components.corpus.curate import curate
from tests.corpus.conftest import REPOSITORY, Context


def command(root: Path, name: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "components.corpus", name],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "TRIVIUM_HOME": str(root / "home"),
            "MLFLOW_TRACKING_URI": "",
        },
        **options,  # type: ignore[call-overload]
    )


def run(root: Path, name: str) -> tuple[int, str]:
    process = command(root, name)
    said, _ = process.communicate(timeout=300)
    return process.returncode, said


def workspace(root: Path, *sources: str) -> Path:
    root.mkdir(exist_ok=True)
    tree = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    tree["corpus"]["sources"] = list(sources)
    (root / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))  # a curriculum is in order
    return root


def outputs(root: Path) -> dict[str, bytes]:
    files = [path for folder in ("data", "metrics") for path in (root / folder).rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_three_stages_survive_a_kill_and_give_the_bytes_of_an_undisturbed_run(tmp_path: Path, context: Context) -> None:
    root = workspace(tmp_path / "here", "stdlib")
    for name in ("ingest", "check"):
        code, said = run(root, name)
        assert code == 0, said
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(root / "data", undisturbed / "data")
    curate(context, undisturbed)  # type: ignore[arg-type]

    process = command(root, "curate")
    scratch = root / "data" / ".curate.tmp"
    give_up_s = time.monotonic() + 120
    while not scratch.exists() and process.poll() is None and time.monotonic() < give_up_s:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert scratch.exists() and not (root / "data/curated").exists(), "killed in the middle of its work"
    code, said = run(root, "curate")
    assert code == 0, said
    seen = outputs(root)
    assert seen.pop("metrics/check_corpus.json")
    assert seen == outputs(undisturbed)

    # A misspelt source ends with one line, exit code 2, and the outputs as they were.
    workspace(root, "stdlib", "austin")
    code, said = run(root, "ingest")
    assert code == 2
    assert [line for line in said.splitlines() if line.startswith("ingest: corpus")] == [
        "ingest: corpus.sources: 'austin' is not in the catalogue; did you mean 'austen'?"
    ]
    assert {name: data for name, data in outputs(root).items() if name in seen} == seen
