"""Stages as processes: exit codes, progress, cancellation with real signals, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from components.core.errors import BadInput
from flows.execution import Profile, StageRequest, StageStatus, get_executor, load_profile
from flows.execution import watchdog as watchdog_module
from flows.execution.base import judge

PROFILE = Profile(
    executor="local",
    max_parallel_stages=2,
    grace_s=10,
    timeout_s=60,
    timeouts_s={"pretrain": 5, "pretrain@big": 6},
    retries=0,
    retry_delay_s=0,
    min_free_disk_gb=0,
    approval_timeout_s=1,
)
STAGE = """
import json, os, signal, sys, time
from pathlib import Path
what = sys.argv[1]
if what == "slow":
    def save(*_):
        time.sleep(0.5)  # longer than dvc itself lives
        Path("saved").write_text("yes")
        sys.exit(75)
    signal.signal(signal.SIGTERM, save)
    Path("pid").write_text(str(os.getpid()))
    time.sleep(60)
if what == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Path("pid").write_text(str(os.getpid()))
    time.sleep(60)
if what == "refuses":
    print("refuses: seed = 3: not today", file=sys.stderr)
    sys.exit(2)
if what == "interrupted":
    sys.exit(75)
if what == "fails":
    raise SystemExit("boom")
path = Path(os.environ["TRIVIUM_PROGRESS_FILE"])
temporary = path.with_suffix(".tmp")
temporary.write_text(json.dumps({"stage": what, "done": 1, "total": 2, "unit": "tokens"}))
temporary.replace(path)
print("hello from", os.environ["TRIVIUM_CPU_THREADS"])
Path("good.txt").write_text("done")
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stages")
    (root / "stage.py").write_text(STAGE)
    names = ("good", "refuses", "interrupted", "fails", "slow", "stubborn")
    stages = "".join(
        f"  {name}:\n    cmd: python stage.py {name}\n    deps: [stage.py]\n    outs: [{name}.txt]\n" for name in names
    )
    (root / "dvc.yaml").write_text(f"stages:\n{stages}")
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=root, check=True, env={**os.environ, "DVC_NO_ANALYTICS": "1"})
    return root


def request(repository: Path, stage: str, timeout_s: float = 60) -> StageRequest:
    return StageRequest(
        stage=stage, workspace=repository, run_name="r", environment=PROFILE.stage_environment(), timeout_s=timeout_s
    )


def until(condition: Any, patience_s: float = 30) -> None:
    deadline_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)


def ignore(_: object) -> None:
    """Nobody listens."""


def test_a_stage_runs_reports_and_is_skipped_the_second_time(repository: Path) -> None:
    seen: list[Mapping[str, Any]] = []
    lines: list[str] = []
    result = get_executor(PROFILE).run(request(repository, "good"), seen.append, lines.append)
    assert (result.status, result.unchanged) == (StageStatus.DONE, False)
    assert seen[-1]["done"] == 1 and "hello from 1" in lines
    assert (repository / "good.txt").read_text() == "done"
    assert get_executor(PROFILE).run(request(repository, "good"), seen.append, lines.append).unchanged


@pytest.mark.parametrize(
    ("stage", "status", "message"),
    [
        ("refuses", StageStatus.BAD_INPUT, "seed = 3: not today"),
        ("interrupted", StageStatus.INTERRUPTED, ""),
        ("fails", StageStatus.FAILED, "exit code 1"),
    ],
)
def test_the_end_of_a_stage_is_told_apart(repository: Path, stage: str, status: StageStatus, message: str) -> None:
    result = get_executor(PROFILE).run(request(repository, stage), ignore, ignore)
    assert result.status is status
    assert message in result.message


def test_cancel_reaches_the_stage_below_dvc_and_waits_for_its_save(repository: Path) -> None:
    executor = get_executor(PROFILE)
    results = []
    thread = threading.Thread(target=lambda: results.append(executor.run(request(repository, "slow"), ignore, ignore)))
    thread.start()
    until(lambda: (repository / "pid").exists() and (repository / "pid").read_text())
    stage = psutil.Process(int((repository / "pid").read_text()))
    executor.cancel()
    assert not stage.is_running()
    assert (repository / "saved").read_text() == "yes"
    thread.join(timeout=10)
    assert results[0].status is StageStatus.CANCELLED
    later = executor.run(request(repository, "good"), ignore, ignore)
    assert later.status is StageStatus.CANCELLED


def test_a_stage_that_runs_too_long_and_ignores_signals_is_ended(repository: Path) -> None:
    (repository / "pid").unlink(missing_ok=True)
    executor = get_executor(PROFILE.model_copy(update={"grace_s": 0.3}))
    result = executor.run(request(repository, "stubborn", timeout_s=10), ignore, ignore)
    assert result.status is StageStatus.TIMED_OUT
    assert not psutil.pid_exists(int((repository / "pid").read_text()))


def test_no_stage_outlives_a_flow_that_was_killed(tmp_path: Path) -> None:
    """The owner of the watchdog dies by SIGKILL; the command still gets its SIGTERM and its time to save."""
    script = tmp_path / "saves.sh"
    script.write_text(
        'trap "sleep 0.3; echo saved > saved; exit 75" TERM\necho $$ > pid\nwhile :; do sleep 0.05; done\n'
    )
    watchdog = [sys.executable, str(Path(watchdog_module.__file__)), "10", "sh", str(script)]
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import subprocess, time; subprocess.Popen({watchdog!r}, stdin=subprocess.PIPE); time.sleep(60)",
        ],
        cwd=tmp_path,
    )
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    command = psutil.Process(int((tmp_path / "pid").read_text()))
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    until(lambda: not command.is_running())
    assert (tmp_path / "saved").exists()


@pytest.mark.parametrize("code", [0, 1, 2, 75])
def test_the_watchdog_passes_exit_codes_on(code: int) -> None:
    command = [sys.executable, watchdog_module.__file__, "1", sys.executable, "-c", f"raise SystemExit({code})"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as held:
        assert held.wait(30) == code


def test_judge_reads_the_stages_own_code_from_dvc() -> None:
    lines = ["ingest: no such source", "ERROR: failed to reproduce 'ingest': failed to run: python, exited with 2"]
    assert judge("ingest", 255, lines) == (StageStatus.BAD_INPUT, "no such source")
    assert judge("ingest", 255, ["ERROR: unexpected error - no space"])[0] is StageStatus.FAILED
    assert judge("ingest", 255, []) == (StageStatus.FAILED, "exit code 255: it printed nothing")


def test_timeouts_by_stage_and_family() -> None:
    limits = [PROFILE.stage_timeout_s(stage) for stage in ("ingest", "pretrain@small", "pretrain@big")]
    assert limits == [60, 5, 6]


def test_profiles_of_the_repository_load() -> None:
    assert load_profile("local").executor == "local"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("executor: local\nmax_paralel_stages: 2\n", "did you mean 'max_parallel_stages'?"),
        ("executor: locl\n", "did you mean 'local'?"),
        ("executor: local\nretries: -1\n", "retries = -1"),
    ],
)
def test_a_wrong_profile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, complaint: str) -> None:
    (tmp_path / "infra" / "profiles").mkdir(parents=True)
    (tmp_path / "infra" / "profiles" / "mine.yaml").write_text(text)
    monkeypatch.setattr("flows.execution.profile.repository_root", lambda: tmp_path)
    with pytest.raises(BadInput, match=r"infra/profiles/mine\.yaml") as refused:
        load_profile("mine")
    assert complaint in str(refused.value)
    with pytest.raises(BadInput, match="did you mean 'mine'"):
        load_profile("mien")
