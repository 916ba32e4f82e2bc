"""What a study found, read back from its experiments: also of one that has not finished, as far as it got."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from components.core.errors import BadInput
from components.core.params import Params, parse
from components.evaluation.agent_eval import EpisodeItem
from components.evaluation.items import AGENT_FILE, PHASES_FILE, read_items
from components.evaluation.phase_answers import PhaseAnswer
from components.evaluation.study import Difference, Outcomes, compare, outcomes
from components.evaluation.study_report import markdown, rows
from flows import workspace
from flows.variants import BASE, BEFORE

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Study:
    """The outcomes of every run there is, by variant and seed."""

    name: str
    params: Params
    before: Outcomes
    variants: Mapping[str, Mapping[int, Outcomes]]

    @property
    def page(self) -> str:
        """Facts and the table, as markdown."""
        gate = self.params.gate
        budget = self.params.curriculum[gate.candidate].token_budget
        facts = {
            "stage": f"`{gate.candidate}`, {budget:,} tokens a run, from `{gate.baseline}`",
            "runs": "; ".join(
                f"{variant} with seeds {', '.join(map(str, sorted(runs)))}" for variant, runs in self.variants.items()
            ),
            "seeds": "another order of the stage's rows each",
            "experiments": f"`{self.name}-*` (`dvc exp show`)",
        }
        return markdown(f"Study {self.name}", facts, rows(self.compared()))

    def compared(self) -> dict[str, list[Difference]]:
        """The stage against its starting point, cell by cell too, then every variant against the base."""
        base = self.variants[BASE]
        found = {f"{BEFORE} to {BASE}": compare(dict.fromkeys(base, self.before), base, CONFIDENCE, cells=True)}
        for variant, runs in self.variants.items():
            if variant != BASE and runs.keys() & base.keys():
                found[f"{BASE} to {variant}"] = compare(base, runs, CONFIDENCE)
        return found


def read_study(name: str) -> Study:
    """Read every finished run of a study. Raises BadInput if its starting point or its base has not finished."""
    found = workspace.experiments(f"{name}-")
    variants: dict[str, dict[int, Outcomes]] = {}
    text = workspace.read_experiment_file(f"{name}-{BEFORE}", "params.yaml")
    if text is None:
        raise BadInput(
            f"study {name!r}: no experiment {name}-{BEFORE} in this clone; `dvc exp list` names those that are"
        )
    params = parse(yaml.safe_load(text), f"params.yaml of {name}-{BEFORE}")
    for experiment in found:
        run = re.fullmatch(r"(.+)-s(\d+)", experiment.removeprefix(f"{name}-"))
        if run:
            variants.setdefault(run[1], {})[int(run[2])] = _read_outcomes(experiment, params.gate.candidate)
    if BASE not in variants:
        raise BadInput(f"study {name!r}: no run of {BASE!r} has finished; `python -m flows resume {name}`")
    before = _read_outcomes(f"{name}-{BEFORE}", params.gate.baseline)
    ordered = {BASE: variants.pop(BASE)} | dict(sorted(variants.items()))
    return Study(name=name, params=params, before=before, variants=ordered)


def _read_outcomes(experiment: str, stage: str) -> Outcomes:
    """What an experiment's evaluation of `stage` found, item by item."""
    with tempfile.TemporaryDirectory(prefix="trivium-study-") as scratch:
        files = {name: Path(scratch) / name for name in (AGENT_FILE, PHASES_FILE)}
        for name, target in files.items():
            workspace.fetch_experiment_output(experiment, f"data/evaluations/{stage}/{name}", target)
        return outcomes(read_items(files[AGENT_FILE], EpisodeItem), read_items(files[PHASES_FILE], PhaseAnswer))
