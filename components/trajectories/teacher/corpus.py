"""All work for a teacher over a corpus of records, within its share and its money, and what came of it.

Work is done in waves of a fixed size, each with an equal part of the money that is left, and taken in its order: what
is written is a function of records, settings and answers, whatever the endpoint's pace.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from components.agent.environment import Task, TaskFamily
from components.core.errors import BadInput
from components.core.files import write_directory, write_text
from components.core.lineage import Manifest, sha256_file, write_manifest
from components.core.params import TeacherSettings
from components.core.paths import home
from components.core.seeding import named_rng
from components.tasks.kit.registry import choose_families
from components.trajectories.episodes import SEEDS_PER_RUN
from components.trajectories.record import Record, by_family, write_family
from components.trajectories.teacher.cache import AnswerCache
from components.trajectories.teacher.client import Allowance, TeacherClient
from components.trajectories.teacher.issues import Issue, code_facts, write_issue
from components.trajectories.teacher.ledger import LedgerEntry, Role, summarise
from components.trajectories.teacher.policy import act
from components.trajectories.teacher.settings import TeacherEndpoint
from components.trajectories.teacher.verbalise import may_be_reworded, verbalise
from components.trajectories.teacher.work import Piece, Work, run_pieces

PRODUCER = "teach"
LEDGER, ISSUES = "ledger.jsonl", "issues.jsonl"
_WAVE = 8  # pieces of work at a time; what is written depends on it
Job = TypeVar("Job")
Made = TypeVar("Made")


@dataclass(kw_only=True)
class Taught:
    """The corpus with the teacher's share in it, issues, and the ledger."""

    records: list[Record]
    issues: list[Issue] = field(default_factory=list)
    ledger: list[LedgerEntry] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Of records that the teacher reworded or acted."""
        return sum(record.provenance.teacher is not None for record in self.records) / max(1, len(self.records))

    @property
    def spent_usd(self) -> float:
        return round(sum(entry.cost_usd for entry in self.ledger), 9)


@dataclass(kw_only=True)
class Teaching:
    """One run over a corpus. `source_licence` is that of the documents that look-ups read."""

    families: Mapping[str, TaskFamily]
    settings: TeacherSettings
    client: TeacherClient
    seed: int
    source_licence: str
    report: Callable[[int], None] = lambda done: None
    _guarded_usd: float = 0.0
    _out_of_money: bool = False
    _done: int = 0

    def run(self, records: Sequence[Record]) -> Taught:
        """Episodes first, then rewritings up to the share that is left, then issues."""
        taught = Taught(records=list(records))
        allowed = math.floor(self.settings.share_cap * len(records))
        acted = self._act(taught, allowed)
        if self.settings.verbalise:
            self._verbalise(taught, allowed - len(acted))
        taught.records += acted
        if self.settings.issues:
            self._write_issues(taught, allowed)
        assert taught.share <= self.settings.share_cap
        return taught

    def _act(self, taught: Taught, allowed: int) -> list[Record]:
        """Episodes of the train split at seeds no oracle's record has."""
        chosen = choose_families(dict(self.families), self.settings.policy, "trajectories.teacher.policy")
        tasks = [
            chosen[name].sample(seed, "train")
            for name, count in sorted(self.settings.policy.items())
            for seed in self._free_seeds(name, count, taught.records)
        ]

        def piece(task: Task, work: Work) -> Piece[tuple[Record | None, LedgerEntry]]:
            return act(task, self.families, self.settings, work, source_licence=self.source_licence)

        acted: list[Record] = []
        for _, record, entry in self._waves(
            "policy", [(task.family, task) for task in tasks], piece, allowed, acted.__len__
        ):
            taught.ledger.append(entry)
            if record is not None:
                acted.append(record)
        return acted

    def _free_seeds(self, family: str, count: int, records: Sequence[Record]) -> list[int]:
        taken = {record.task.seed for record in records if record.task.generator == family}
        first = self.seed * SEEDS_PER_RUN + SEEDS_PER_RUN // 2  # far from where the oracle's begin
        seeds = (seed for seed in range(first, first + SEEDS_PER_RUN // 2) if seed not in taken)
        return [seed for seed, _ in zip(seeds, range(count), strict=False)]

    def _verbalise(self, taught: Taught, allowed: int) -> None:
        parents = frozenset(record.parent.id for record in taught.records if record.parent.id is not None)
        places = [at for at, record in enumerate(taught.records) if may_be_reworded(record, parents)]
        places.sort(key=lambda at: taught.records[at].id)
        named_rng("teacher", self.seed).shuffle(places)
        accepted: list[int] = []

        def piece(at: int, work: Work) -> Piece[tuple[Record, LedgerEntry]]:
            return verbalise(taught.records[at], self.families, self.settings, work)

        jobs = [(taught.records[at].task.generator, at) for at in places]
        for at, record, entry in self._waves("verbalise", jobs, piece, allowed, accepted.__len__):
            taught.ledger.append(entry)
            if entry.outcome == "accepted":
                taught.records[at] = record
                accepted.append(at)

    def _write_issues(self, taught: Taught, allowed: int) -> None:
        tasks = {
            record.family_id: (record.task.generator, record.task.seed)
            for record in taught.records
            if record.domain == "code" and record.task.split == "train"
        }

        def piece(asked: tuple[str, int], work: Work) -> Piece[tuple[Issue | None, LedgerEntry]]:
            family = self.families[asked[0]]
            task = family.sample(asked[1], "train")
            facts = code_facts(task, family)
            if facts is None:
                return None, work.entry(task.id, "rejected", "facts: the task names no function and no fix")
            return (yield from write_issue(facts, self.settings, work))

        jobs = [(name, (name, seed)) for name, seed in tasks.values()]
        for _, issue, entry in self._waves("issue", jobs, piece, allowed, taught.issues.__len__):
            taught.ledger.append(entry)
            if issue is not None:
                taught.issues.append(issue)

    def _waves(
        self,
        role: Role,
        jobs: Sequence[tuple[str, Job]],
        piece: Callable[[Job, Work], Piece[tuple[Made, LedgerEntry]]],
        allowed: int,
        accepted: Callable[[], int],
    ) -> Iterator[tuple[Job, Made, LedgerEntry]]:
        """Each job (its family first) with what was made of it, in order, until enough is accepted or the money is
        out."""
        at = 0
        with ThreadPoolExecutor(_WAVE) as pool:
            while at < len(jobs) and not self._out_of_money:
                wave = jobs[at : at + min(_WAVE, allowed - accepted())]
                if not wave:
                    return
                part = max(0.0, (self.settings.cost_cap_usd - self._guarded_usd) / len(wave))
                works = [
                    Work(role=role, family=family, client=self.client, allowance=Allowance(usd=part))
                    for family, _ in wave
                ]
                made = run_pieces(pool, works, [piece(job, work) for (_, job), work in zip(wave, works, strict=True)])
                self._guarded_usd += sum(work.allowance.spent_usd + work.allowance.lost_usd for work in works)
                self._out_of_money = any(entry.outcome == "unfunded" for _, entry in made)
                yield from ((job, result, entry) for (_, job), (result, entry) in zip(wave, made, strict=True))
                at += len(wave)
                self._done += len(wave)
                self.report(self._done)


def write_taught(output: Path, taught: Taught, settings: TeacherSettings, facts: Mapping[str, Any]) -> None:
    """Shards by family, the ledger, the issues, and a manifest that names the teacher, its licence and its share."""
    families = by_family(taught.records)
    with write_directory(output) as directory:
        shards = [shard for name, made in families.items() for shard in write_family(directory, name, made)]
        totals = {"records": {name: len(made) for name, made in families.items()}}
        totals["teacher"] = summarise(taught.ledger)
        facts = {**facts, **write_notes(directory, taught, settings)}
        write_manifest(directory, Manifest(producer=PRODUCER, shards=tuple(shards), totals=totals, facts=facts))


def write_notes(directory: Path, taught: Taught, settings: TeacherSettings) -> dict[str, Any]:
    """The ledger and the issues; returns the facts a manifest holds about them and the teacher."""
    for name, rows in ((LEDGER, taught.ledger), (ISSUES, taught.issues)):
        lines = (json.dumps(row.model_dump(mode="json"), ensure_ascii=False, sort_keys=True) for row in rows)
        write_text(directory / name, "".join(f"{line}\n" for line in lines))
    return {
        "teacher": {"name": settings.name, "licence": settings.licence, "share": round(taught.share, 6)},
        "files": {name: sha256_file(directory / name) for name in (LEDGER, ISSUES)},
    }


def teach(
    records: Sequence[Record],
    settings: TeacherSettings,
    *,
    families: Mapping[str, TaskFamily],
    source_licence: str,
    seed: int,
    report: Callable[[int], None],
) -> Taught:
    """Let the teacher at TRIVIUM_TEACHER_URL work. What it ever answered is kept in the home directory."""
    with (
        AnswerCache(home() / "teacher" / "answers.sqlite") as cache,
        TeacherClient(TeacherEndpoint.from_environment(), settings, cache) as client,
    ):
        teaching = Teaching(
            families=families,
            settings=settings,
            client=client,
            seed=seed,
            source_licence=source_licence,
            report=report,
        )
        taught = teaching.run(records)
        print(f"{client.requests} requests; share of the teacher {taught.share:.3%}; spent {taught.spent_usd} USD")
    return taught


def read_settings(value: object, origin: str) -> TeacherSettings:
    """Settings as a person wrote them. Raises BadInput naming each wrong field."""
    from pydantic import ValidationError

    from components.core.validation import explain

    try:
        return TeacherSettings.model_validate(value)
    except ValidationError as error:
        raise BadInput(explain(error, TeacherSettings, origin)) from None
