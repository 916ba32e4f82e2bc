"""`python -m components.trajectories.teacher SETTINGS`: try a teacher on records that are there already.

In the pipeline the teacher works inside `synthesize`, where params.trajectories.teacher is set.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from components.core.errors import EXIT_BAD_INPUT, BadInput, fail
from components.core.lineage import read_manifest, verify
from components.core.params import TeacherSettings, read_yaml
from components.core.progress import Progress
from components.trajectories.episodes import Synthesizer
from components.trajectories.record import read_records
from components.trajectories.teacher.corpus import PRODUCER, read_settings, teach, write_taught
from components.trajectories.teacher.ledger import summarise


def run(
    settings: TeacherSettings, *, seed: int, records: Path, output: Path, limit: int | None, progress: Progress
) -> None:
    """Read `records`, let the teacher work, write `output`. Raises BadInput."""
    manifest = read_manifest(records, "synthesize")
    verify(records, manifest)
    corpus = list(read_records(records))[:limit]
    synthesizer = Synthesizer()
    taught = teach(
        corpus,
        settings,
        families=synthesizer.families,
        source_licence=synthesizer.source_licence,
        seed=seed,
        report=lambda done: progress.update(done, len(corpus), "pieces of work"),
    )
    write_taught(output, taught, settings, {"seed": seed, "trajectories": {s.name: s.sha256 for s in manifest.shards}})
    print(json.dumps(summarise(taught.ledger)))


def main(
    settings: Annotated[Path, typer.Argument(help="YAML: the section trajectories.teacher")],
    records: Annotated[Path, typer.Option(help="directory of records")] = Path("data/trajectories"),
    output: Annotated[Path, typer.Option(help="directory to write")] = Path("data/taught"),
    seed: Annotated[int, typer.Option(help="chooses which records are reworded")] = 0,
    limit: Annotated[int | None, typer.Option(help="take the first records alone")] = None,
) -> None:
    """Reword, act, write issues. The endpoint's address and key are in TRIVIUM_TEACHER_URL and _API_KEY."""
    try:
        run(
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
