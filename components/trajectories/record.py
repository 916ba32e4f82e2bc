"""The trajectory record `traj/1`: one episode as facts, before any rendering.

A record keeps phases, calls and observations apart; `to_messages` turns it into the conversation every template
renders. Its id is the hash of everything else in it. An assistant turn is a run of steps that ends with an action or
with the summary; all steps of a turn carry the turn's label and loss weight.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from components.agent.environment import End, Label, Observation, Origin, Split, Status
from components.agent.messages import Message, ToolCall, ToolSpec
from components.agent.turns import compose_turn
from components.core.errors import BadInput
from components.core.lineage import Shard, describe_shard, sha256_json
from components.core.params import Stream
from components.core.validation import first_fault
from components.corpus.documents import SHARD_SUFFIX, read_lines, write_lines

Phase = Literal["analysis", "plan", "action", "reflection", "summary"]
SHARD_RECORDS = 10_000
Outcome = Literal[End, "failure"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)


class Tool(_Part):
    name: str
    description: str
    json_schema: dict[str, Any] = Field(validation_alias="schema", serialization_alias="schema")
    schema_sha: str

    @classmethod
    def of(cls, spec: ToolSpec) -> Self:
        schema_sha = sha256_json(spec.parameters)
        return cls(name=spec.name, description=spec.description, json_schema=spec.parameters, schema_sha=schema_sha)

    def spec(self) -> ToolSpec:
        return ToolSpec(name=self.name, description=self.description, parameters=self.json_schema)


class Call(_Part):
    id: str
    name: str
    args: dict[str, Any]

    def to_call(self) -> ToolCall:
        return ToolCall(name=self.name, arguments=self.args)


class RecordedObservation(_Part):
    """What a call brought back. Nothing here was made up: the call was executed, or met a fault of the task's tool."""

    call_id: str
    status: Status
    content: str
    sha: str = Field(description="sha256 of the content")
    origin: Origin = "executed"
    trusted: Literal[False] = False

    @classmethod
    def of(cls, call_id: str, observation: Observation) -> Self:
        content = observation.content
        sha = content_sha(content)
        return cls(call_id=call_id, status=observation.status, content=content, sha=sha, origin=observation.origin)

    def observation(self) -> Observation:
        return Observation(status=self.status, content=self.content, origin=self.origin)


class Reference(_Part):
    step: int


class Step(_Part):
    i: int
    phase: Phase
    actor: Literal["assistant"] = "assistant"
    text: str = ""
    calls: tuple[Call, ...] = ()
    obs: tuple[RecordedObservation, ...] = ()
    label: Label = "good"
    loss: float = Field(1.0, ge=0, le=1)
    label_source: Literal["oracle", "verifier"] = "oracle"
    refs: tuple[Reference, ...] = Field((), description="of a recovery: the wrong step it repairs")


class Parent(_Part):
    """Where a branch left another record. A wrong branch and its recovery lie inside one record; an `alternate` goes
    on from step `at_step` of its parent another way that is right too, and what the two share is trained in the
    parent alone."""

    id: str | None = None
    at_step: int | None = Field(default=None, ge=0)
    kind: Literal["root", "alternate"] = "root"

    @model_validator(mode="after")
    def _an_alternate_has_a_parent(self) -> Self:
        if (self.kind == "alternate") != (self.id is not None) or (self.id is None) != (self.at_step is None):
            raise ValueError("an alternate names its parent and the step it leaves it at, a root neither")
        return self


class TaskFacts(_Part):
    prompt: str
    generator: str = Field(description="name of the task family")
    gen_version: str
    seed: int
    split: Split


class CitedSpan(_Part):
    """A claim of the answer and one span it cites; `span` counts the characters of `doc` from 0, its end excluded."""

    claim: str
    doc: str
    sha: str = Field(description="sha256 of the text that stands there")
    span: tuple[int, int]


class FinalAnswer(_Part):
    value: str
    citations: tuple[CitedSpan, ...] = ()


class FaultFacts(_Part):
    """What was wrong with a tool, and the step whose call met it first (None: none did)."""

    visibility: Literal["explicit", "implicit"] = Field(validation_alias="class", serialization_alias="class")
    persistence: Literal["transient", "permanent"]
    step: int | None


class VerdictCheck(_Part):
    name: str
    passed: bool = Field(validation_alias="pass", serialization_alias="pass")


class Verdict(_Part):
    outcome: Outcome
    checks: tuple[VerdictCheck, ...]


class Provenance(_Part):
    teacher: str | None = Field(default=None, description="model and revision that wrote the prose or acted")
    cache_key: str | None = Field(default=None, description="of the teacher's last answer that went into the record")
    cost_usd: float = Field(
        default=0.0, ge=0, description="all of the teacher's answers for this record, refused ones too"
    )
    licence: str
    source_uri: str


class Record(_Part):
    """One trajectory."""

    schema_name: Literal["traj/1"] = Field(default="traj/1", validation_alias="schema", serialization_alias="schema")
    id: str
    family_id: str = Field(description="records of one task; they share a split")
    parent: Parent = Parent()
    domain: Stream
    task: TaskFacts
    tools: tuple[Tool, ...]
    steps: tuple[Step, ...]
    answer: FinalAnswer
    verdict: Verdict
    fault: FaultFacts | None = None
    provenance: Provenance

    def content_id(self) -> str:
        """sha256 of the canonical JSON of all but the id."""
        return sha256_json(self.model_dump(mode="json", exclude={"id"}))

    def identified(self) -> Record:
        """The same record with its id computed."""
        return self.model_copy(update={"id": self.content_id()})

    def turns(self) -> list[list[Step]]:
        """The steps grouped into assistant turns; a rest without action or summary is a turn too."""
        turns: list[list[Step]] = [[]]
        for step in self.steps:
            turns[-1].append(step)
            if step.phase in ("action", "summary"):
                turns.append([])
        return turns if turns[-1] else turns[:-1]

    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec() for tool in self.tools)


def to_messages(record: Record) -> list[Message]:
    """The conversation: the task, then each turn and what its calls brought back."""
    messages = [Message("user", record.task.prompt)]
    for turn in record.turns():
        text = {step.phase: step.text for step in turn}
        calls = tuple(call.to_call() for step in turn for call in step.calls)
        messages.append(
            compose_turn(
                analysis=text.get("analysis", ""),
                plan=text.get("plan", ""),
                reflection=text.get("reflection", ""),
                calls=calls,
                summary=text.get("summary", ""),
            )
        )
        messages += [Message("tool", seen.observation().render()) for step in turn for seen in step.obs]
    return messages


def content_sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def shard_name(family: str, number: int) -> str:
    return f"{family}.{number:05d}{SHARD_SUFFIX}"


def write_records(directory: Path, name: str, records: Iterable[Record]) -> Shard:
    """One shard: ten thousand episodes are a few hundred kilobytes."""
    rows = [record.model_dump(mode="json") for record in records]
    path = directory / name
    write_lines(path, rows)
    return describe_shard(directory, path, documents=len(rows))


def by_family(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Records by family, families by name, a family's records in their order."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(record.task.generator, []).append(record)
    return dict(sorted(groups.items()))


def write_family(directory: Path, family: str, records: Sequence[Record]) -> Iterator[Shard]:
    """A family's records as shards of at most SHARD_RECORDS."""
    for number, start in enumerate(range(0, len(records), SHARD_RECORDS)):
        yield write_records(directory, shard_name(family, number), records[start : start + SHARD_RECORDS])


def read_records(directory: Path) -> Iterator[Record]:
    """All records below `directory`, by shard name. Raises BadInput naming the line that is no record."""
    for path in sorted(directory.glob(f"*{SHARD_SUFFIX}")):
        yield from read_shard(path)


def read_shard(path: Path) -> Iterator[Record]:
    """Raises BadInput naming the line that is no record."""
    for number, line in enumerate(read_lines(path), start=1):
        record, fault = parse_record(line)
        if record is None:
            raise BadInput(f"{path}: line {number}: {fault}; run `dvc repro synthesize`")
        yield record


def read_record_lines(directory: Path) -> Iterator[tuple[Path, int, str]]:
    for path in sorted(directory.glob(f"*{SHARD_SUFFIX}")):
        for number, line in enumerate(read_lines(path), start=1):
            yield path, number, line


def parse_record(line: str) -> tuple[Record | None, str]:
    """The record of a line, or None and the first thing wrong with it."""
    try:
        return Record.model_validate_json(line), ""
    except ValidationError as error:
        return None, first_fault(error)
