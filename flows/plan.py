"""What a run would do, stage by stage, and why, without doing it.

The plan is made where a run would be: in a workspace of its own, from the same survey, so the two cannot disagree.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.core import tracking
from components.core.dvc.survey import StageWork, survey
from components.core.params import Params
from components.core.paths import home
from flows import preflight, workspace
from flows.compose import compose


@dataclass(frozen=True, kw_only=True)
class PlannedStage:
    """One stage of a plan."""

    name: str
    runs: bool
    reasons: tuple[str, ...]
    tokens: int
    """To train; 0 for stages that train nothing or do not run."""
    seconds: float | None
    """Rough, from the last run of the stage; None if it never ran here or would not run."""


def plan(preset: str, overrides: Mapping[str, Any], until: str) -> list[PlannedStage]:
    """Plan a run. Raises BadInput exactly where the run would."""
    text, params = compose(preset, overrides)
    name = f"plan-{os.getpid()}"
    try:
        place = workspace.prepare(name, name, text)
        work = survey(place.path)
        chosen = preflight.choose_stages(work, until)
    finally:
        workspace.remove(name)
    past = _PastRuns()
    return [_planned(work[stage], params, past) for stage in chosen]


def _planned(work: StageWork, params: Params, past: _PastRuns) -> PlannedStage:
    name = work.node.name
    family, _, entry = name.partition("@")
    budget = params.curriculum[entry].token_budget if family == "pretrain" and entry in params.curriculum else 0
    return PlannedStage(
        name=name,
        runs=not work.done,
        reasons=work.reasons,
        tokens=0 if work.done else budget,
        seconds=None if work.done else past.seconds(name, entry, budget),
    )


def seconds_before(stage: str, budget: int) -> float | None:
    """How long a stage took when it last ran, in proportion to the tokens where it trains; None if it never did."""
    family, _, entry = stage.partition("@")
    return _PastRuns().seconds(stage, entry, budget if family == "pretrain" else 0)


class _PastRuns:
    """How long stages took before, as MLflow remembers it."""

    def __init__(self) -> None:
        recorded = "MLFLOW_TRACKING_URI" in os.environ or (home() / "mlflow" / "mlflow.db").is_file()
        self._client = tracking.connect() if recorded else None

    def seconds(self, stage: str, entry: str, budget: int) -> float | None:
        """Of the newest finished run, in proportion to the tokens where it trained."""
        if self._client is None:
            return None
        experiment = self._client.get_experiment_by_name(tracking.EXPERIMENT)
        assert experiment is not None
        found = self._client.search_runs(
            [experiment.experiment_id],
            filter_string=f"tags.`{tracking.STAGE_TAG}` = '{stage}' and attributes.status = 'FINISHED'",
            order_by=["attributes.start_time DESC"],
            max_results=1,
        )
        if not found:
            return None
        seconds = (found[0].info.end_time - found[0].info.start_time) / 1000
        trained = found[0].data.params.get(f"curriculum.{entry}.token_budget")
        return float(seconds * budget / int(trained)) if budget and trained else float(seconds)
