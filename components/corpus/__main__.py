"""`python -m components.corpus ingest | check | curate`: the stages that turn sources into text to learn from."""

from __future__ import annotations

import typer

from components.core.stage import StageContext, run_stage

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.command()
def ingest() -> None:
    """Fetch the sources named in params.yaml (corpus.sources) into data/raw, verified against the catalogue's pins."""

    def body(ctx: StageContext) -> None:
        from components.corpus.ingest import ingest

        ingest(ctx)

    run_stage("ingest", body)


@app.command()
def check() -> None:
    """Judge data/raw with Great Expectations: quarantine bad documents, refuse a bad corpus (exit code 2)."""

    def body(ctx: StageContext) -> None:
        from components.corpus.check import check

        check(ctx)

    run_stage("check_corpus", body)


@app.command()
def curate() -> None:
    """Filter, deduplicate and decontaminate with datatrove; write data/curated/train and data/curated/heldout."""

    def body(ctx: StageContext) -> None:
        from components.corpus.curate import curate

        curate(ctx)

    run_stage("curate", body)


if __name__ == "__main__":
    app()
