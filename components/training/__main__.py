"""`python -m components.training init` and `pretrain NAME`: the stages `init_model` and `pretrain@NAME`."""

from __future__ import annotations

from typing import Annotated

import typer

from components.core.stage import run_stage

app = typer.Typer(help="Initial weights, and one curriculum stage at a time.", add_completion=False)


@app.command()
def init() -> None:
    """Draw random weights for the tokenizer's vocabulary: artifacts/tokenizer to checkpoints/init."""

    with run_stage("init_model") as context:
        from components.training.initial import run

        run(context)


@app.command()
def pretrain(
    name: Annotated[str, typer.Argument(help="An entry of `curriculum` in params.yaml, e.g. commonsense.")],
) -> None:
    """Train one curriculum stage from its predecessor's weights to its token budget.

    SIGTERM or Ctrl-C saves and exits with 75; the same command then continues exactly there, as it does after a kill.
    """

    with run_stage("pretrain", name) as context:
        from components.training.loop import run

        run(context, name)


if __name__ == "__main__":
    app()
