"""What a study runs: the variants of one curriculum stage, and every one of them once per seed.

All train the same number of tokens from the same checkpoint and answer the same questions. A seed decides the order of
the studied stage's rows alone, so that what comes before is made once (docs/decisions/0007).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from components.core.errors import BadInput
from components.core.params import Params
from components.core.validation import suggest
from flows.compose import compose

BASE = "all"
BEFORE = "before"
_OBSERVATION_WEIGHTS = (0.0, 0.1, 1.0)


@dataclass(frozen=True, kw_only=True)
class StudyRun:
    """One run of a study. `overrides` are all its changes to the preset, by dotted name."""

    variant: str
    seed: int | None
    until: str
    overrides: Mapping[str, Any]

    @property
    def label(self) -> str:
        return self.variant if self.seed is None else f"{self.variant}-s{self.seed}"

    @property
    def override_lines(self) -> str:
        """The same as a form takes it: one name=value a line."""
        return "\n".join(f"{name}={json.dumps(value)}" for name, value in self.overrides.items())


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """Every run of a study, in the order to start them: the starting point, the base, the others seed by seed."""

    study: str
    stage: str
    params: Params
    runs: tuple[StudyRun, ...]

    def of(self, variant: str) -> list[StudyRun]:
        return [run for run in self.runs if run.variant == variant]

    @property
    def variants(self) -> list[str]:
        """All but the starting point."""
        return list(dict.fromkeys(run.variant for run in self.runs if run.seed is not None))

    @property
    def stage_tokens(self) -> int:
        """What one run trains in the studied stage."""
        return self.params.curriculum[self.stage].token_budget


def study_names() -> list[str]:
    return list(_STUDIES)


def plan_study(
    study: str, preset: str, overrides: Mapping[str, Any], *, seeds: int, token_budget: int = 0
) -> StudyPlan:
    """The runs of a study of `gate.candidate` against `gate.baseline`. Raises BadInput where there is none to make."""
    if study not in _STUDIES:
        raise BadInput(f"study = {study!r}: unknown; {suggest(study, study_names())}")
    if seeds < 1:
        raise BadInput(f"seeds = {seeds}: must be at least 1; three or more say something about other seeds")
    common = dict(overrides)
    _, params = compose(preset, common)
    stage, before = params.gate.candidate, params.gate.baseline
    if "agent" not in params.curriculum[stage].mixture:
        raise BadInput(f"gate.candidate = {stage!r}: its mixture names no agent rows, so there is nothing to leave out")
    if token_budget:
        common[f"curriculum.{stage}.token_budget"] = token_budget
    changes = _STUDIES[study](params, stage)
    numbers = [params.seed + number for number in range(seeds)]
    runs = [StudyRun(variant=BEFORE, seed=None, until=f"evaluate@{before}", overrides=common)]
    runs += [
        StudyRun(
            variant=variant,
            seed=seed,
            until=f"evaluate@{stage}",
            overrides={**common, **change, f"curriculum.{stage}.seed": seed},
        )
        for seed in numbers
        for variant, change in changes.items()
    ]
    for run in runs[: len(changes) + 1]:
        compose(preset, run.overrides)  # refuse what cannot run before anything is started
    return StudyPlan(study=study, stage=stage, params=compose(preset, common)[1], runs=tuple(runs))


def _streams(params: Params, stage: str) -> dict[str, dict[str, Any]]:
    """Everything, and everything without one stream: the others take its rows in proportion."""
    parts = {str(stream): part for stream, part in params.curriculum[stage].agent_streams.items()}
    present = [stream for stream, part in parts.items() if part > 0]
    if len(present) < 2:
        raise BadInput(f"curriculum.{stage}.agent_streams = {parts}: only one stream has rows, so none can be left out")
    name = f"curriculum.{stage}.agent_streams"
    return {BASE: {name: parts}} | {f"no-{stream}": {name: {**parts, stream: 0}} for stream in present}


def _observations(params: Params, stage: str) -> dict[str, dict[str, Any]]:
    """The loss weight of what tools answered: none, a tenth, all. The preset's own is the base."""
    name = "trajectories.observation_weight"
    own = params.trajectories.observation_weight
    others = [weight for weight in _OBSERVATION_WEIGHTS if weight != own]
    return {BASE: {name: own}} | {f"observations-{weight:g}": {name: weight} for weight in others}


def _branches(params: Params, stage: str) -> dict[str, dict[str, Any]]:
    """Episodes with a wrong step and its recovery, or none. The tokenizer's text changes, so all stages run again."""
    name = "trajectories.wrong_branch_share"
    if params.trajectories.wrong_branch_share == 0:
        raise BadInput(f"{name} = 0: no episode takes a wrong branch, so none can be left out; raise it")
    return {BASE: {}, "no-branches": {name: 0.0}}


_STUDIES: dict[str, Callable[[Params, str], dict[str, dict[str, Any]]]] = {
    "streams": _streams,
    "observations": _observations,
    "branches": _branches,
}
