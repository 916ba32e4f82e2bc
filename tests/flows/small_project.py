"""A small real project: this repository's flows over a pipeline of five quick stages, with real services around it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
from ports import free_ports

ROOT = Path(__file__).resolve().parents[2]

PIPELINE = """
stages:
  source:
    desc: What the others start from
    cmd: mkdir -p data/source && cp params.yaml data/source/
    params: [seed]
    outs: [data/source]
  pretrain:
    foreach: ${curriculum}
    do:
      desc: Steps that can be stopped and resumed
      cmd: python work.py pretrain@${key}
      deps: [work.py, data/source]
      params: [seed, "curriculum.${key}"]
      outs:
        - data/pretrain/${key}
  gate:
    desc: Joins them
    cmd: mkdir -p data/gate && cat data/pretrain/*/* > data/gate/all
    deps: [data/pretrain]
    outs: [data/gate]
  release:
    desc: The end
    cmd: python work.py release
    deps: [work.py, data/gate]
    params: [release]
    outs: [release]
"""

WORK = '''
"""The tracked stages of the small pipeline: those that train, and the release."""

import os, signal, sys, time
from pathlib import Path

from components.core.paths import home
from components.core.files import write_directory, write_json
from components.core.errors import BadInput, Interrupted
from components.core.stage import run_stage

name = sys.argv[1]
entry = name.partition("@")[2]
out = Path("data/pretrain") / entry if entry else Path("release")
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))


def meet(other):
    """Both trained entries must be running at one time, or neither gets on."""
    (home() / f"running-{entry}").touch()
    for _ in range(600):
        if (home() / f"running-{other}").exists():
            return
        time.sleep(0.1)
    raise SystemExit("the other one never ran beside this one")


def body(ctx):
    steps = ctx.params.curriculum[entry].token_budget if entry else 1
    if steps == 13:
        raise BadInput("curriculum.token_budget = 13: an unlucky number")
    if steps == 7:
        meet("stem" if entry == "commonsense" else "commonsense")
    resume = home() / f"in-progress-{entry}"
    first = int(resume.read_text()) if entry and resume.exists() else 0
    for step in range(first, steps):
        ctx.progress.update(step, steps, "tokens", loss=1 / (step + 1))
        if told:
            resume.write_text(str(step))
            raise Interrupted(f"stopped after {step} steps, saved")
        if steps > 1:
            time.sleep(0.1)
        if step == 2 and (home() / f"interrupt-{entry}").exists():
            (home() / f"interrupt-{entry}").unlink()
            resume.write_text(str(step))
            raise Interrupted("the machine asked for it back")
    ctx.progress.update(steps, steps, "tokens")
    with write_directory(out) as directory:
        write_json(directory / "result.json", {"stage": name, "seed": ctx.params.seed, "steps": steps})
    if entry:
        resume.unlink(missing_ok=True)


with run_stage(*name.split("@")) as context:
    body(context)
'''


@dataclass(frozen=True)
class Project:
    """A clone of the small project and the environment its programs run in."""

    root: Path
    environment: dict[str, str]

    @property
    def home(self) -> Path:
        return self.root / ".trivium"

    def run(self, *command: str, check: bool = True, timeout: float = 150) -> subprocess.CompletedProcess[str]:
        """Run a program of this interpreter in the project."""
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command} -> {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.root, env=self.environment, capture_output=True, text=True, check=True
        ).stdout


def make_project(root: Path) -> Project:
    """A committed repository with this project's flows and the small pipeline."""
    for package in ("flows", "components", "infra"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__", "*.zst", "data"))
    shutil.copy(ROOT / "prefect.yaml", root)
    profile = root / "infra" / "profiles" / "local.yaml"
    settings = yaml.safe_load(profile.read_text()) | {"max_parallel_stages": 2, "slots": {}, "retry_delay_s": 1}
    profile.write_text(yaml.safe_dump(settings))
    params = yaml.safe_load((ROOT / "presets" / "nano.yaml").read_text())
    # Two trained entries; the schema wants the gate to compare two.
    params["curriculum"] = {
        "commonsense": {**params["curriculum"]["commonsense"], "token_budget": 7},
        "stem": {
            **params["curriculum"]["commonsense"],
            "token_budget": 7,
            "mixture": params["curriculum"]["stem"]["mixture"],
        },
    }
    params["gate"] |= {"candidate": "stem", "baseline": "commonsense"}
    (root / "presets").mkdir()
    for path in (root / "params.yaml", root / "presets" / "nano.yaml"):
        path.write_text(yaml.safe_dump(params, sort_keys=False))
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "work.py").write_text(WORK)
    (root / ".gitignore").write_text("__pycache__/\n/.trivium/\n/data/\n/release/\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "MLFLOW"))}
    prefect_port, mlflow_port = free_ports(2)
    environment |= {
        "DVC_NO_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
        "GIT_AUTHOR_NAME": "T",
        "GIT_AUTHOR_EMAIL": "t@example.org",
        "GIT_COMMITTER_NAME": "T",
        "GIT_COMMITTER_EMAIL": "t@example.org",
        "OMP_NUM_THREADS": "1",
        "TRIVIUM_PREFECT_PORT": str(prefect_port),
        "TRIVIUM_MLFLOW_PORT": str(mlflow_port),
    }
    environment.pop("TRIVIUM_HOME", None)
    project = Project(root=root, environment=environment)
    project.git("init", "-q")
    project.run("dvc", "init", "-q")
    (root / ".dvc" / "config").write_text((ROOT / ".dvc" / "config").read_text())
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "the small project")
    return project
