"""The schema of `params.yaml`: everything that changes a result, and nothing else.

Where and how a stage runs (devices, workers, pools, buckets) is not here: see `infra/profiles/`.
Stages read one `Params` object; a wrong field ends in `BadInput`, which names field, value and remedy.
"""

from components.core.params.corpus import Corpus, Curation, Decontamination
from components.core.params.curriculum import CurriculumStage, RopeScaling, Schedule
from components.core.params.evaluation import Evaluation, Gate, Release
from components.core.params.model import Model, Optimizer
from components.core.params.params import PARAMS_FILE, Params, find_stage, load, parse, read_yaml
from components.core.params.section import REPORT_STREAMS, TEXT_DOMAINS, Domain, Stream, agent_rows
from components.core.params.tokenizer import Tokenizer, TokenizerStage, Tokens
from components.core.params.trajectories import TeacherSettings, Trajectories

__all__ = [
    "PARAMS_FILE",
    "REPORT_STREAMS",
    "TEXT_DOMAINS",
    "Corpus",
    "Curation",
    "CurriculumStage",
    "Decontamination",
    "Domain",
    "Evaluation",
    "Gate",
    "Model",
    "Optimizer",
    "Params",
    "Release",
    "RopeScaling",
    "Schedule",
    "Stream",
    "TeacherSettings",
    "Tokenizer",
    "TokenizerStage",
    "Tokens",
    "Trajectories",
    "agent_rows",
    "find_stage",
    "load",
    "parse",
    "read_yaml",
]
