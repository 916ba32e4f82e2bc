"""`python -m components.tokenizer train`: the stage `train_tokenizer`."""

from __future__ import annotations

import typer

from components.core.stage import run_stage

app = typer.Typer(help="Learn the vocabulary.", add_completion=False, no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Learn the vocabulary: byte-level BPE with the Youtu pre-tokenizer."""


@app.command()
def train() -> None:
    """Learn the vocabulary stage by stage: data/curated to artifacts/tokenizer and metrics/tokenizer.json."""

    with run_stage("train_tokenizer") as context:
        # A stage's program may look up: the vocabulary is learned from trajectories too, the package knows none.
        from components.tokenizer.train import run
        from components.trajectories.texts import read_agent_texts

        run(context, read_agent_texts)


if __name__ == "__main__":
    app()
