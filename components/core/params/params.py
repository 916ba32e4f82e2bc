"""The whole of `params.yaml`: what its sections must agree on, and how it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from components.core.errors import BadInput
from components.core.params.corpus import CorpusParams
from components.core.params.curriculum import CurriculumStage
from components.core.params.evaluation import EvaluationParams, GateParams, ReleaseParams
from components.core.params.model import ModelParams, OptimizerParams
from components.core.params.section import Section
from components.core.params.tokenizer import TokenizerParams, TokensParams
from components.core.params.trajectories import TrajectoriesParams
from components.core.validation import explain, suggest

PARAMS_FILE = Path("params.yaml")


class Params(Section):
    preset: str
    seed: int = Field(ge=0, lt=2**32)
    corpus: CorpusParams
    tokenizer: TokenizerParams
    tokens: TokensParams
    trajectories: TrajectoriesParams
    model: ModelParams
    optimizer: OptimizerParams
    curriculum: dict[str, CurriculumStage] = Field(min_length=1)
    evaluation: EvaluationParams
    gate: GateParams
    release: ReleaseParams

    @model_validator(mode="after")
    def _stages_fit_their_predecessors(self) -> Self:
        seen: set[str] = {"init"}
        for name, stage in self.curriculum.items():
            where = f"curriculum.{name}"
            if stage.init_from not in seen:
                raise ValueError(f"{where}.init_from is {stage.init_from!r}; choose one of {sorted(seen)}")
            if stage.sequence_tokens not in self.tokens.row_tokens:
                raise ValueError(
                    f"{where}.sequence_tokens is {stage.sequence_tokens}; tokens.row_tokens packs only "
                    f"{list(self.tokens.row_tokens)}"
                )
            if stage.sequence_tokens > self.model.max_position_embeddings:
                raise ValueError(
                    f"{where}.sequence_tokens is {stage.sequence_tokens}, beyond "
                    f"model.max_position_embeddings = {self.model.max_position_embeddings}"
                )
            before = self.curriculum.get(stage.init_from)
            if before and abs(before.schedule.end - stage.schedule.start) > 1e-9:
                raise ValueError(
                    f"{where}.schedule.start is {stage.schedule.start}, but {stage.init_from} ends at "
                    f"{before.schedule.end}; the learning rate must not jump"
                )
            if before and stage.rope_theta < before.rope_theta:
                raise ValueError(
                    f"{where}.rope_theta is {stage.rope_theta}, below the {before.rope_theta} of "
                    f"{stage.init_from}; the base may only grow"
                )
            stretched = before.rope_scaling if before else None
            if stretched and not (stage.rope_scaling and stage.rope_scaling.goes_on_from(**stretched.model_dump())):
                raise ValueError(
                    f"{where}.rope_scaling takes back the stretch of {stage.init_from}; keep its "
                    f"original_max_position_embeddings = {stretched.original_max_position_embeddings} and a "
                    f"factor of at least {stretched.factor:g}"
                )
            seen.add(name)
        for field in ("candidate", "baseline"):
            if getattr(self.gate, field) not in self.curriculum:
                raise ValueError(
                    f"gate.{field} is {getattr(self.gate, field)!r}; choose one of {list(self.curriculum)}"
                )
        overlap = set(self.evaluation.held_out_families) & set(self.trajectories.families)
        if overlap:
            raise ValueError(f"evaluation.held_out_families {sorted(overlap)} are also in trajectories.families")
        return self


def parse(raw: object, origin: str = str(PARAMS_FILE)) -> Params:
    """Validate a loaded mapping. Raises BadInput naming every wrong field."""
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        raise BadInput(explain(error, Params, origin)) from None


def find_stage(params: Params, name: str) -> CurriculumStage:
    """The curriculum entry `name`. Raises BadInput with the remedy if there is none."""
    if name not in params.curriculum:
        raise BadInput(f"curriculum.{name}: no such stage; {suggest(name, params.curriculum)}")
    return params.curriculum[name]


def load(path: Path = PARAMS_FILE) -> Params:
    """Read and validate `params.yaml`. Raises BadInput if it is missing, no YAML, or has a wrong field."""
    return parse(read_yaml(path), str(path))


def read_yaml(path: Path) -> Any:
    """Read one YAML file. Raises BadInput if it is missing or no YAML."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; run from the repository root or choose a preset of presets/") from None
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: not valid YAML: {str(error).splitlines()[-1].strip()}") from None
