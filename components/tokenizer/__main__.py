"""`python -m components.tokenizer train`: the stage `train_tokenizer`."""

from __future__ import annotations

import typer

from components.stage import StageContext, run_stage

app = typer.Typer(help="Learn the vocabulary.", add_completion=False, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Learn the vocabulary: byte-level BPE with the Youtu pre-tokenizer."""


@app.command()
def train() -> None:
    """Learn the vocabulary stage by stage: data/curated to artifacts/tokenizer and metrics/tokenizer.json."""

    def body(context: StageContext) -> None:
        from components.tokenizer.train import run

        run(context)

    run_stage("train_tokenizer", body)


if __name__ == "__main__":
    app()
