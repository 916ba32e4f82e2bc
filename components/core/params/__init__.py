"""The schema of `params.yaml`: everything that changes a result, and nothing else.

Where and how a stage runs (devices, workers, pools, buckets) is not here: see `infra/profiles/`.
Stages read one `Params` object; a wrong field ends in `BadInput`, which names field, value and remedy.
"""

from components.core.params.corpus import CorpusParams, Curation, Decontamination
from components.core.params.curriculum import CurriculumStage, LearningRateSchedule, RopeScaling
from components.core.params.evaluation import EvaluationParams, GateParams, ReleaseParams
from components.core.params.model import ModelParams, OptimizerParams
from components.core.params.params import PARAMS_FILE, Params, find_stage, load, parse, read_yaml
from components.core.params.section import REPORT_STREAMS, TEXT_DOMAINS, Domain, Stream, agent_rows
from components.core.params.tokenizer import TokenizerParams, TokenizerStage, TokensParams
from components.core.params.trajectories import TeacherSettings, TrajectoriesParams

__all__ = [
    "PARAMS_FILE",
    "REPORT_STREAMS",
    "TEXT_DOMAINS",
    "CorpusParams",
    "Curation",
    "CurriculumStage",
    "Decontamination",
    "Domain",
    "EvaluationParams",
    "GateParams",
    "LearningRateSchedule",
    "ModelParams",
    "OptimizerParams",
    "Params",
    "ReleaseParams",
    "RopeScaling",
    "Stream",
    "TeacherSettings",
    "TokenizerParams",
    "TokenizerStage",
    "TokensParams",
    "TrajectoriesParams",
    "agent_rows",
    "find_stage",
    "load",
    "parse",
    "read_yaml",
]
