"""Profiles: where and how stages run. Nothing here may change a result, so nothing here is in `params.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.core.errors import BadInput
from components.core.params import read_yaml
from components.core.paths import repository_root
from components.core.validation import explain, suggest


class Profile(BaseModel):
    """What every executor needs. An executor with needs of its own has a subclass, named in `_PROFILES`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    executor: str = Field(description="what runs the stages: local or kubernetes")
    max_parallel_stages: int = Field(ge=1, le=64, description="places for stages that run at once")
    slots: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict, description="places a stage takes, by stage or by the part of its name before @; else 1"
    )
    grace_s: float = Field(gt=0, le=600, description="time a stage gets to save its work when it is told to stop")
    timeout_s: float = Field(gt=0, description="a stage that runs longer is stopped")
    timeouts_s: dict[str, float] = Field(
        default_factory=dict, description="other limits, by stage or by the part of its name before @"
    )
    retries: int = Field(ge=0, le=20, description="after infrastructure faults only; bad input is never retried")
    retry_delay_s: float = Field(ge=0)
    min_free_disk_gb: float = Field(ge=0, description="refuse to start with less")
    approval_timeout_s: float = Field(gt=0, description="how long a run waits for a person before the release")
    cpu_threads: int = Field(1, ge=1, description="threads of a stage; the last bits of its results depend on it")
    micro_rows: int = Field(0, ge=0, description="rows a device holds at once; 0: its whole share of the batch")
    checkpoint_s: float = Field(60, ge=0, description="between two in-progress checkpoints")
    compile_blocks: bool = Field(False, description="train through torch.compile, on a GPU; the last bits depend on it")

    def stage_environment(self) -> dict[str, str]:
        """How stages compute there, as components.core.stage and components.training.execution read it."""
        return {
            "TRIVIUM_CPU_THREADS": str(self.cpu_threads),
            "TRIVIUM_MICRO_ROWS": str(self.micro_rows),
            "TRIVIUM_CHECKPOINT_S": str(self.checkpoint_s),
            "TRIVIUM_COMPILE_BLOCKS": str(int(self.compile_blocks)),
        }

    def stage_slots(self, stage: str) -> int:
        return self.slots.get(stage, self.slots.get(stage.partition("@")[0], 1))

    def stage_timeout_s(self, stage: str) -> float:
        return self.timeouts_s.get(stage, self.timeouts_s.get(stage.partition("@")[0], self.timeout_s))


class Pool(BaseModel):
    """What a stage's pod asks for and where it may land."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: dict[str, str] = Field(description="cpu, memory, nvidia.com/gpu, ...")
    limits: dict[str, str] = Field(default_factory=dict)
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: list[dict[str, str]] = Field(default_factory=list)


class KubernetesProfile(Profile):
    """The profile of a cluster; see infra/profiles/kubernetes.yaml."""

    namespace: str
    image: str = Field(description="built from infra/docker/Dockerfile, with a registry the nodes can pull from")
    remote: str = Field(pattern=r"^s3://", description="DVC remote through which inputs and outputs travel")
    queue: str = Field("", description="Kueue local queue; empty: no admission control")
    workspace_claim: str = Field(
        "", description="PersistentVolumeClaim that keeps in-progress checkpoints of lost pods"
    )
    poll_s: float = Field(5, gt=0)
    pools: dict[str, Pool] = Field(min_length=1)
    pool_of: dict[str, str] = Field(
        description="pool by stage, or by the part of its name before @; `default` for the rest"
    )

    def pool(self, stage: str) -> Pool:
        """The pool of a stage. Raises BadInput if the profile names one it does not describe."""
        name = self.pool_of.get(stage, self.pool_of.get(stage.partition("@")[0], self.pool_of.get("default", "")))
        if name not in self.pools:
            raise BadInput(f"infra/profiles: pool_of gives {stage!r} the pool {name!r}; describe it under `pools`")
        return self.pools[name]


_PROFILES: dict[str, type[Profile]] = {"local": Profile, "kubernetes": KubernetesProfile}


def profile_names() -> list[str]:
    return sorted(path.stem for path in _directory().glob("*.yaml"))


def _directory() -> Path:
    return repository_root() / "infra" / "profiles"


def load_profile(name: str) -> Profile:
    """Read `infra/profiles/<name>.yaml`. Raises BadInput for an unknown profile, executor or field."""
    path = _directory() / f"{name}.yaml"
    if name not in profile_names():
        raise BadInput(f"profile = {name!r}: no such file in infra/profiles; {suggest(name, profile_names())}")
    raw = read_yaml(path)
    executor = raw.get("executor") if isinstance(raw, dict) else None
    where = f"infra/profiles/{path.name}"
    if executor not in _PROFILES:
        raise BadInput(f"{where}: executor = {executor!r}: unknown; {suggest(str(executor), list(_PROFILES))}")
    model = _PROFILES[executor]
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise BadInput(explain(error, model, where)) from None
