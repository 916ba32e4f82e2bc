"""The schema of `params.yaml`: everything that changes a result, and nothing else.

Where and how a stage runs (devices, workers, pools, buckets) is not here: see `infra/profiles/`.
Stages read one `Params` object; a wrong field ends in `BadInput`, which names field, value and remedy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from components.validation import explain, suggest

PARAMS_FILE = Path("params.yaml")
Domain = Literal["general", "books", "encyclopedic", "chinese", "stem", "code", "agent"]
TEXT_DOMAINS: tuple[Domain, ...] = ("general", "books", "encyclopedic", "chinese", "stem", "code")
Stream = Literal["cot", "math", "code", "research", "tool"]
# Billions of trajectory tokens in the Youtu-LLM report, by stream.
REPORT_STREAMS: dict[Stream, float] = {"cot": 25, "math": 20, "code": 70, "research": 60, "tool": 25}


def agent_rows(stream: str) -> str:
    """The domain a stream's token rows are filed under."""
    return f"agent_{stream}"


class BadInput(Exception):
    """Input from a person that cannot be used. Stages and flows report it in one line and exit with code 2."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Decontamination(_Section):
    ngram_words: int = Field(13, ge=5, le=50, description="words (or CJK characters) in a matching window")


class Curation(_Section):
    min_words: int = Field(ge=1, description="shorter documents are dropped")
    max_non_alpha_share: float = Field(ge=0, le=1)
    max_duplicate_line_share: float = Field(ge=0, le=1)
    min_language_score: float = Field(ge=0, le=1)
    minhash_threshold: float = Field(gt=0, lt=1, description="estimated Jaccard similarity called a duplicate")
    decontamination: Decontamination


class Corpus(_Section):
    sources: tuple[str, ...] = Field(min_length=1, description="names in components/corpus/catalogue.yaml")
    held_out_share: float = Field(gt=0, lt=0.5, description="share of documents per domain kept for evaluation")
    curation: Curation


class TokenizerStage(_Section):
    domains: tuple[Domain, ...] = Field(min_length=1)
    vocab_share: float = Field(gt=0, le=1, description="share of the merges learned in this stage")


class Tokenizer(_Section):
    vocab_size: int = Field(ge=300, le=262_144, description="entries, special tokens included")
    max_bytes_per_domain: int = Field(ge=10_000, description="text read per domain, whole documents")
    stages: dict[str, TokenizerStage] = Field(min_length=1)

    @model_validator(mode="after")
    def _shares_make_a_whole(self) -> Self:
        whole = sum(stage.vocab_share for stage in self.stages.values())
        if abs(whole - 1) > 1e-6:
            raise ValueError(f"vocab_share of the stages sums to {whole:.4f}; make them sum to 1")
        return self


class Tokens(_Section):
    row_tokens: tuple[Annotated[int, Field(ge=16)], ...] = Field(
        min_length=1, description="lengths rows are packed to, one pack each"
    )
    shard_rows: int = Field(ge=1, description="rows a shard holds")


class TeacherSettings(_Section):
    """Model, roles and limits. `policy` names episodes per task family, as `trajectories.families` does."""

    model: str = Field(min_length=1, description="as the endpoint calls it")
    revision: str = Field(min_length=1, description="of the model: a commit, a date, a hash of the weights")
    licence: str = Field(
        min_length=1, description="under which the teacher's answers may be used, as SPDX if it can be"
    )
    prompt_version: Literal["1"] = "1"
    verbalise: bool = Field(False, description="rewrite the prose of verified records, facts locked")
    policy: dict[str, int] = Field(default_factory=dict, description="episodes the teacher acts, per task family")
    issues: bool = Field(False, description="write issue texts for tasks of the code stream")
    share_cap: float = Field(gt=0, le=1, description="largest share of the records that may hold the teacher's words")
    cost_cap_usd: float = Field(ge=0, description="no request is made that could cost more than what is left of it")
    input_usd_per_million: float = Field(ge=0, description="price of a million prompt tokens")
    output_usd_per_million: float = Field(ge=0, description="price of a million tokens written")
    temperature: float = Field(0.7, ge=0, le=2)
    max_tokens: int = Field(1024, ge=16, description="of one answer")
    seed: int = Field(0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _has_a_role(self) -> Self:
        if not (self.verbalise or self.policy or self.issues):
            raise ValueError(
                "verbalise, policy and issues are all off; give the teacher a role or leave the section out"
            )
        return self

    @property
    def name(self) -> str:
        """As records name the teacher."""
        return f"{self.model}@{self.revision}"

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        spent = prompt_tokens * self.input_usd_per_million + completion_tokens * self.output_usd_per_million
        return round(spent / 1e6, 9)


class Trajectories(_Section):
    families: dict[str, int] = Field(min_length=1, description="episodes per training task family")
    wrong_branch_share: float = Field(ge=0, le=1, description="share of episodes that take a wrong step and recover")
    alternate_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of episodes told again, another right way from some turn on",
    )
    observation_weight: float = Field(ge=0, le=1)
    action_weight: float = Field(gt=0, le=2, description="loss weight of tool calls")
    teacher: TeacherSettings | None = Field(None, description="a language model that rewords, acts or writes issues")


class Model(_Section):
    """Shape; names as in transformers' YoutuConfig."""

    hidden_size: int = Field(ge=8)
    intermediate_size: int = Field(ge=8)
    num_hidden_layers: int = Field(ge=1)
    num_attention_heads: int = Field(ge=1)
    q_lora_rank: int = Field(ge=1)
    kv_lora_rank: int = Field(ge=1)
    qk_nope_head_dim: int = Field(ge=1)
    qk_rope_head_dim: int = Field(ge=2, multiple_of=2)
    v_head_dim: int = Field(ge=1)
    max_position_embeddings: int = Field(ge=16)
    rope_theta: float = Field(gt=1)
    rms_norm_eps: float = Field(gt=0, lt=1e-2)


class Optimizer(_Section):
    """Muon on the hidden matrices, AdamW on embeddings and norms."""

    muon_lr: float = Field(gt=0, lt=1)
    muon_momentum: float = Field(ge=0, lt=1)
    adamw_lr: float = Field(gt=0, lt=1)
    adamw_betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = Field(ge=0, lt=1)
    grad_clip: float = Field(gt=0)


class Schedule(_Section):
    """This stage's part of the warm-up, stable, decay schedule; factors multiply the base learning rates."""

    phase: Literal["warmup", "stable", "decay"]
    start: float = Field(ge=0, le=1, description="factor before the stage's first step")
    end: float = Field(ge=0, le=1, description="factor at the stage's last step")
    warmup_share: float = Field(0.0, ge=0, lt=1, description="share of the stage spent rising from start to 1")

    @model_validator(mode="after")
    def _fields_fit_the_phase(self) -> Self:
        if self.phase == "warmup" and self.warmup_share == 0:
            raise ValueError("phase warmup needs a `warmup_share` above 0; set one or choose stable or decay")
        if self.phase != "warmup" and self.warmup_share != 0:
            raise ValueError(f"phase {self.phase} has no warm-up; remove `warmup_share` or set phase to warmup")
        if self.phase == "stable" and self.start != self.end:
            raise ValueError(f"a stable phase keeps its factor; set `end` to {self.start} or phase to decay")
        if self.phase == "decay" and self.end > self.start:
            raise ValueError(f"a decay cannot end above its start; set `end` to at most {self.start}")
        return self


class RopeScaling(_Section):
    """YaRN with the constants llama.cpp reads; field names as in transformers."""

    factor: float = Field(gt=1, description="how many times longer the context becomes")
    original_max_position_embeddings: int = Field(
        ge=16, description="tokens of context the model was trained on before"
    )

    def goes_on_from(self, factor: float, original_max_position_embeddings: int) -> bool:
        """Whether a model so stretched may go on with this: the same context, stretched no less."""
        return self.factor >= factor and self.original_max_position_embeddings == original_max_position_embeddings


class CurriculumStage(_Section):
    init_from: str = Field(description="`init` or the name of an earlier entry")
    token_budget: int = Field(ge=1)
    sequence_tokens: int = Field(ge=16)
    batch_rows: int = Field(ge=1, description="rows per optimizer step, over all devices")
    mixture: dict[Domain, float] = Field(min_length=1, description="share of rows by domain")
    schedule: Schedule
    rope_theta: float = Field(gt=1)
    rope_scaling: RopeScaling | None = Field(None, description="YaRN, beside or instead of a larger rope_theta")
    float8: bool = Field(
        False, description="wide products in 8-bit floats; emulated, and slower, on a CPU; needs the extra float8"
    )
    loss_weights: Literal["uniform", "spans"] = "uniform"
    agent_tokens: Literal["data/trajectory_tokens", "data/tokens/manifest.json"] = Field(
        "data/tokens/manifest.json", description="where `agent` rows come from; without them the corpus manifest"
    )
    agent_streams: dict[Stream, Annotated[float, Field(ge=0)]] = Field(
        default_factory=lambda: dict(REPORT_STREAMS),
        description="parts of the `agent` rows by stream, the report's by default; 0 leaves one out",
    )

    seed: int | None = Field(
        None, ge=0, lt=2**32, description="of the order of this stage's rows alone; without it `seed` decides"
    )

    @model_validator(mode="after")
    def _rows_fit_the_stretch(self) -> Self:
        scaling = self.rope_scaling
        if scaling and self.sequence_tokens > scaling.factor * scaling.original_max_position_embeddings:
            raise ValueError(
                f"sequence_tokens is {self.sequence_tokens}, beyond rope_scaling.factor = {scaling.factor:g} times "
                f"{scaling.original_max_position_embeddings}; raise the factor"
            )
        return self

    @model_validator(mode="after")
    def _agent_rows_have_a_source(self) -> Self:
        if ("agent" in self.mixture) != (self.agent_tokens == "data/trajectory_tokens"):
            raise ValueError("`agent_tokens` must be data/trajectory_tokens exactly when `mixture` names `agent`")
        if abs(sum(self.mixture.values()) - 1) > 1e-6:
            raise ValueError(f"mixture shares sum to {sum(self.mixture.values()):.4f}; make them sum to 1")
        if not any(self.agent_streams.values()):
            raise ValueError("`agent_streams` leaves every stream out; give one a part above 0")
        return self

    @property
    def row_mixture(self) -> dict[str, float]:
        """Share of rows by the domain token shards are filed under: `agent` split among its streams."""
        shares: dict[str, float] = {domain: share for domain, share in self.mixture.items() if domain != "agent"}
        parts = sum(self.agent_streams.values())
        for stream, part in self.agent_streams.items():
            if "agent" in self.mixture and part > 0:
                shares[agent_rows(stream)] = self.mixture["agent"] * part / parts
        return dict(sorted(shares.items()))


class Evaluation(_Section):
    held_out_bytes: int = Field(ge=1_000, description="text per domain scored for bits per byte")
    episodes: int = Field(ge=1, description="held-out agent tasks per family")
    max_turns: int = Field(ge=1)
    max_turn_tokens: int = Field(ge=8)
    max_parse_errors: int = Field(ge=1, description="unreadable turns that end an episode")
    held_out_families: tuple[str, ...] = Field(min_length=1, description="families training never sees")
    tasks: tuple[str, ...] = Field(min_length=1, description="lm-eval task names under components/evaluation/tasks")
    task_limit: int = Field(ge=1, description="items per lm-eval task")
    phase_items: int = Field(16, ge=1, description="questions about held-out episodes per stream and phase")


class Gate(_Section):
    candidate: str
    baseline: str
    target_family: str = Field(description="family whose success must rise from baseline to candidate")
    minimum_effect: float = Field(gt=0, lt=1, description="smallest rise of a success rate worth releasing for")
    non_inferiority_bits: float = Field(ge=0, description="bits per byte the candidate may lose on held-out text")
    minimum_parse_rate: float = Field(ge=0, lt=1, description="share of the candidate's tool calls that can be read")
    confidence: float = Field(gt=0.5, lt=1)
    bootstrap_samples: int = Field(ge=100)


class Release(_Section):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    gguf_dtypes: tuple[Literal["f32", "f16", "bf16", "q8_0"], ...] = Field(min_length=1)


class Params(_Section):
    preset: str
    seed: int = Field(ge=0, lt=2**32)
    corpus: Corpus
    tokenizer: Tokenizer
    tokens: Tokens
    trajectories: Trajectories
    model: Model
    optimizer: Optimizer
    curriculum: dict[str, CurriculumStage] = Field(min_length=1)
    evaluation: Evaluation
    gate: Gate
    release: Release

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
