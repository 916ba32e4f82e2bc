"""The small project with a stage that has agent rows and one that evaluates it, so that a study can be made of it.

What is trained and answered is arithmetic on parameters; items are written and read as real evaluations write theirs.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from small_project import Project, make_project

PIPELINE = """
stages:
  source:
    cmd: mkdir -p data/source && cp params.yaml data/source/
    params: [seed]
    outs: [data/source]
  pretrain:
    foreach: ${curriculum}
    do:
      cmd: python work.py pretrain ${key}
      deps: [work.py, data/source]
      params: [seed, "curriculum.${key}"]
      outs:
        - data/pretrain/${key}
  evaluate:
    foreach: ${curriculum}
    do:
      cmd: python work.py evaluate ${key}
      deps: [work.py, "data/pretrain/${key}"]
      params: [seed, evaluation]
      outs:
        - data/evaluations/${key}
  release:
    cmd: mkdir -p release
    deps: [data/evaluations]
    outs: [release]
"""

WORK = '''
"""A stage that remembers what it was trained on, and one that answers by it."""

import json, sys
from pathlib import Path

from components.core import params as schema
from components.core.seeding import named_rng
from components.core.paths import home
from components.core.files import write_directory, write_json

family, entry = sys.argv[1:]
params = schema.load()


def pretrain():
    with (home() / "trained.txt").open("a") as log:
        log.write(f"{entry}\\n")
    stage = params.curriculum[entry]
    with write_directory(Path("data/pretrain") / entry) as directory:
        write_json(directory / "model.json", {"knows": sorted(stage.row_mixture), "seed": stage.seed})


def evaluate():
    """Right wherever the stream was trained, but for one item in five, which the seed decides."""
    from components.evaluation.items import AGENT_FILE, PHASES_FILE, EpisodeItem, write_items
    from components.evaluation.phase_answers import PHASES, PhaseAnswer

    model = json.loads((Path("data/pretrain") / entry / "model.json").read_text())
    episodes, answers = [], []
    for stream in ("math", "code"):
        knows = f"agent_{stream}" in model["knows"]
        for number in range(params.evaluation.episodes):
            right = knows and named_rng(model["seed"], stream, number).random() > 0.2
            episodes.append(
                EpisodeItem(policy="model", stream=stream, family=f"{stream}_one", task=f"{stream}/{number}",
                            success=right, turns=1, tool_calls=1, parse_errors=0, end="answered")
            )
            for phase in PHASES:
                answers.append(
                    PhaseAnswer(stream=stream, family=f"{stream}_one", task=f"{stream}/{number}", phase=phase, turn=0,
                                gold=0, options=("a", "b"), log_likelihoods=(-1.0, -2.0), acc=right, acc_norm=right,
                                longest=False, trigram=False, copying=False)
                )
    with write_directory(Path("data/evaluations") / entry) as directory:
        write_items(directory / AGENT_FILE, EpisodeItem, episodes)
        write_items(directory / PHASES_FILE, PhaseAnswer, answers)


{"pretrain": pretrain, "evaluate": evaluate}[family]()
'''


def make_study_project(root: Path) -> Project:
    """A committed project whose `stem` has agent rows of two streams and starts from `commonsense`."""
    project = make_project(root)
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["curriculum"]["stem"] |= {
        "init_from": "commonsense",
        "mixture": {"agent": 0.5, "stem": 0.5},
        "agent_tokens": "data/trajectory_tokens",
        "agent_streams": {"math": 2, "code": 1},
        "schedule": {"phase": "stable", "start": 1.0, "end": 1.0},
        "loss_weights": "spans",
    }
    params["evaluation"]["episodes"] = 30
    for path in (root / "params.yaml", root / "presets" / "nano.yaml"):
        path.write_text(yaml.safe_dump(params, sort_keys=False))
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "work.py").write_text(WORK)
    project.git("add", "-A")
    project.git("commit", "-q", "-m", "a stage to study")
    return project
