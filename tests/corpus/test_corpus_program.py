"""The stages as programs: exit codes, nothing half-written, a killed run completes with the same bytes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml
from stage_workspace import file_bytes

from components.corpus import curate
from tests.corpus.conftest import REPOSITORY, Context, make_document, prose, run_in, write_raw


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
    return file_bytes(root, "data", "metrics")


def test_a_killed_stage_completes_with_the_bytes_of_an_undisturbed_one(tmp_path: Path, context: Context) -> None:
    root, undisturbed = workspace(tmp_path / "here", "sotu"), tmp_path / "undisturbed"
    for place in (root, undisturbed):
        write_raw(place, [make_document(prose(number), path=f"{number}") for number in range(200)])
    run_in(undisturbed, curate.run, context)
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
    assert outputs(root) == outputs(undisturbed)


def test_a_misspelt_source_ends_with_one_line_and_changes_nothing(tmp_path: Path) -> None:
    root = workspace(tmp_path / "here", "stdlib", "austin")
    code, said = run(root, "ingest")
    assert code == 2
    assert [line for line in said.splitlines() if line.startswith("ingest:")] == [
        "ingest: corpus.sources: 'austin' is not in the catalogue; did you mean 'austen'?"
    ]
    assert outputs(root) == {}


def test_a_bad_corpus_ends_with_exit_code_2(tmp_path: Path) -> None:
    root = workspace(tmp_path / "here", "stdlib")
    write_raw(root, [make_document(prose(number)) for number in range(10)] + [make_document("short")] * 5)
    before = outputs(root)
    code, said = run(root, "check")
    assert code == 2
    assert "check_corpus: corpus refused: expect_column_mean_to_be_between on quarantine.quarantined" in said
    assert outputs(root) == before
