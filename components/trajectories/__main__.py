"""`python -m components.trajectories synthesize | check | tokenize`: the three trajectory stages."""

from __future__ import annotations

from typing import Annotated

import typer

from components.core.stage import run_stage

app = typer.Typer(help="Tasks to verified trajectories to weighted tokens.", add_completion=False, no_args_is_help=True)


@app.command()
def synthesize() -> None:
    """Let oracles solve tasks in real environments: params.trajectories.families to data/trajectories."""

    with run_stage("synthesize") as context:
        from components.trajectories.synthesize import run

        run(context)


@app.command()
def check() -> None:
    """Check every invariant, replay the calls, set failing records aside: data/quarantine/trajectories, metrics."""

    with run_stage("check_trajectories") as context:
        from components.trajectories.check import run

        run(context)


@app.command()
def tokenize() -> None:
    """Render, weigh and pack the records that passed: data/trajectory_tokens."""

    with run_stage("tokenize_trajectories") as context:
        from components.trajectories.tokenize import run

        run(context)


@app.command()
def audit(
    per_class: Annotated[int, typer.Option(min=1, help="times each fault is injected")] = 30,
    episodes: Annotated[int, typer.Option(min=1, help="sound episodes of each family of the cheap streams")] = 40,
    code_episodes: Annotated[int, typer.Option(min=0, help="of each family of the code stream, which takes long")] = 12,
) -> None:
    """The mutation score of the checks: known faults in sound records of every family, and what is caught."""
    import json
    import sys

    from components.core.errors import BadInput
    from components.core.params import load
    from components.corpus.curation.decontamination import TASKS, benchmark_windows
    from components.trajectories.audit.audit import audit as run_audit
    from components.trajectories.audit.audit import make_sound_records, render_table
    from components.trajectories.check import Rules
    from components.trajectories.episodes import Synthesizer

    def show_progress(done: object) -> None:
        print(f"\r{done!s:60}", end="", file=sys.stderr, flush=True)

    try:
        params = load()
        held_out = params.evaluation.held_out_families
        rules = Rules(
            held_out_families=held_out,
            windows=benchmark_windows(TASKS, params.corpus.curation.decontamination.ngram_words),
        )
        synthesizer = Synthesizer()
        sound = make_sound_records(
            synthesizer,
            {
                name: code_episodes if family.domain == "code" else episodes
                for name, family in synthesizer.families.items()
                if name not in held_out
            },
            first_seed=params.seed,
            progress=show_progress,
        )
        report = run_audit(sound, rules, per_class, show_progress)
    except BadInput as error:
        print(error, file=sys.stderr)
        raise typer.Exit(2) from None
    show_progress("")
    print(f"\n{render_table(report)}")
    print(
        json.dumps(
            {
                "caught_share": round(report.caught_share, 4),
                "worst_share": round(min(score.caught / score.injected for score in report.scores), 4),
                "false_alarm_share": round(report.false_alarms / report.clean, 5),
                "classes": {score.name: [score.caught, score.injected] for score in report.scores},
            }
        )
    )


if __name__ == "__main__":
    app()
