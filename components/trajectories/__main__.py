"""`python -m components.trajectories synthesize | check | tokenize`: the three trajectory stages."""

from __future__ import annotations

import typer

from components.stage import StageContext, run_stage

app = typer.Typer(help="Tasks to verified trajectories to weighted tokens.", add_completion=False, no_args_is_help=True)


@app.command()
def synthesize() -> None:
    """Let oracles solve tasks in real environments: params.trajectories.families to data/trajectories."""

    def body(context: StageContext) -> None:
        from components.trajectories.synthesize import run

        run(context)

    run_stage("synthesize", body)


@app.command()
def check() -> None:
    """Check every invariant, replay the calls, set failing records aside: data/quarantine/trajectories, metrics."""

    def body(context: StageContext) -> None:
        from components.trajectories.check import run

        run(context)

    run_stage("check_trajectories", body)


@app.command()
def tokenize() -> None:
    """Render, weigh and pack the records that passed: data/trajectory_tokens."""

    def body(context: StageContext) -> None:
        from components.trajectories.tokenize import run

        run(context)

    run_stage("tokenize_trajectories", body)


if __name__ == "__main__":
    app()
