"""`python -m components.training init` and `pretrain NAME`: the stages `init_model` and `pretrain@NAME`."""

from __future__ import annotations

from typing import Annotated

import typer

from components.core import params as schema
from components.core.errors import EXIT_BAD_INPUT, BadInput, fail
from components.core.stage import StageContext, run_stage

app = typer.Typer(help="Initial weights, and one curriculum stage at a time.", add_completion=False)


@app.command()
def init() -> None:
    """Draw random weights for the tokenizer's vocabulary: artifacts/tokenizer to checkpoints/init."""

    def body(context: StageContext) -> None:
        from components.training.initial import run

        run(context)

    run_stage("init_model", body)


@app.command()
def pretrain(
    name: Annotated[str, typer.Argument(help="An entry of `curriculum` in params.yaml, e.g. commonsense.")],
) -> None:
    """Train one curriculum stage from its predecessor's weights to its token budget.

    SIGTERM or Ctrl-C saves and exits with 75; the same command then continues exactly there, as it does after a kill.
    """

    def body(context: StageContext) -> None:
        from components.training.loop import run

        run(context, name)

    try:
        schema.find_stage(schema.load(), name)
    except BadInput as error:  # before a run is tracked under a name that no stage has
        fail(f"pretrain@{name}", str(error), EXIT_BAD_INPUT)
    run_stage(f"pretrain@{name}", body)


if __name__ == "__main__":
    app()
