"""`python -m components.trajectories.teacher SETTINGS`: a teacher over data/trajectories, as a program over files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from components.agent.factbook import FACTBOOK, Knowledge
from components.agent.families import load_families
from components.corpus.documents import read_documents
from components.home import home
from components.lineage import read_manifest, verify
from components.params import BadInput, read_yaml
from components.progress import Progress
from components.stage import EXIT_BAD_INPUT, fail
from components.trajectories.record import read_records
from components.trajectories.teacher.cache import AnswerCache
from components.trajectories.teacher.client import TeacherClient
from components.trajectories.teacher.corpus import PRODUCER, Taught, Teaching, read_settings, write_taught
from components.trajectories.teacher.ledger import summarise
from components.trajectories.teacher.settings import TeacherEndpoint, TeacherSettings


def teach(
    settings: TeacherSettings, *, seed: int, records: Path, output: Path, limit: int | None, progress: Progress
) -> Taught:
    """Read `records`, let the teacher work, write `output`. Raises BadInput."""
    manifest = read_manifest(records, "synthesize")
    verify(records, manifest)
    corpus = list(read_records(records))[:limit]
    with (
        AnswerCache(home() / "teacher" / "answers.sqlite") as cache,
        TeacherClient(TeacherEndpoint.from_environment(), settings, cache) as client,
    ):
        teaching = Teaching(
            families=load_families(Knowledge.load()),
            settings=settings,
            client=client,
            seed=seed,
            source_licence=next(read_documents(FACTBOOK)).licence,
            report=lambda done: progress.update(done, len(corpus), "pieces of work"),
        )
        taught = teaching.run(corpus)
    write_taught(output, taught, settings, {"seed": seed, "trajectories": {s.name: s.sha256 for s in manifest.shards}})
    print(f"{client.requests} requests; share of the teacher {taught.share:.3%}; spent {taught.spent_usd} USD")
    print(json.dumps(summarise(taught.ledger)))
    return taught


def main(
    settings: Annotated[Path, typer.Argument(help="YAML: the section trajectories.teacher")],
    records: Annotated[Path, typer.Option(help="directory of records")] = Path("data/trajectories"),
    output: Annotated[Path, typer.Option(help="directory to write")] = Path("data/taught"),
    seed: Annotated[int, typer.Option(help="chooses which records are reworded")] = 0,
    limit: Annotated[int | None, typer.Option(help="take the first records alone")] = None,
) -> None:
    """Reword, act, write issues. The endpoint's address and key are in TRIVIUM_TEACHER_URL and _API_KEY."""
    try:
        teach(
            read_settings(read_yaml(settings), str(settings)),
            seed=seed,
            records=records,
            output=output,
            limit=limit,
            progress=Progress.from_environment(PRODUCER),
        )
    except BadInput as error:
        fail(PRODUCER, str(error), EXIT_BAD_INPUT)
    sys.exit(0)


if __name__ == "__main__":
    typer.run(main)
