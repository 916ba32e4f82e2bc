"""`python -m components.evaluation evaluate NAME` and `gate`: the stages `evaluate@NAME` and `gate`."""

from __future__ import annotations

from typing import Annotated

import typer

from components.core.stage import run_stage

app = typer.Typer(help="What a checkpoint can do, and whether a candidate may be released.", add_completion=False)


@app.command()
def evaluate(
    name: Annotated[str, typer.Argument(help="An entry of `curriculum` in params.yaml, e.g. agentic.")],
) -> None:
    """Score checkpoints/NAME: held-out bits per byte, lm-eval tasks, the agent loop on held-out tasks.

    Writes data/evaluations/NAME (every item) and metrics/evaluate/NAME.json (the metrics).
    """

    with run_stage("evaluate", name) as context:
        from components.evaluation.evaluate import run

        run(context, name)


@app.command()
def gate() -> None:
    """Compare gate.candidate with gate.baseline item by item and write the verdict to metrics/gate.json.

    Ends with 0 whatever the verdict: PASS, HOLD or INSUFFICIENT_POWER. Whoever releases reads it there.
    """

    with run_stage("gate") as context:
        from components.evaluation.gate import run

        run(context)


if __name__ == "__main__":
    app()
