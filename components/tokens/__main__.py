"""`python -m components.tokens tokenize`: the stage `tokenize`."""

from __future__ import annotations

import typer

from components.stage import StageContext, run_stage

app = typer.Typer(help="Documents to packed token shards.", add_completion=False, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Documents to packed token shards."""


@app.command()
def tokenize() -> None:
    """Pack the training split into rows of every length of tokens.row_tokens: data/curated to data/tokens."""

    def body(context: StageContext) -> None:
        from components.tokens.tokenize import run

        run(context)

    run_stage("tokenize", body)


if __name__ == "__main__":
    app()
