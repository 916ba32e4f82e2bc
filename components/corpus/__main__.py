"""`python -m components.corpus ingest | check | curate`: the stages that turn sources into text to learn from."""

from __future__ import annotations

import typer

from components.core.stage import run_stage

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.command()
def ingest() -> None:
    """Fetch the sources named in params.yaml (corpus.sources) into data/raw, verified against the catalogue's pins."""

    with run_stage("ingest") as context:
        from components.corpus.ingest import run

        run(context)


@app.command()
def check() -> None:
    """Judge data/raw with Great Expectations: quarantine bad documents, refuse a bad corpus (exit code 2)."""

    with run_stage("check_corpus") as context:
        from components.corpus.check import run

        run(context)


@app.command()
def curate() -> None:
    """Filter, deduplicate and decontaminate with datatrove; write data/curated/train and data/curated/heldout."""

    with run_stage("curate") as context:
        from components.corpus.curate import run

        run(context)


if __name__ == "__main__":
    app()
