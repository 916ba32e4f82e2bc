"""`python -m flows run | plan | ablate | compare | watch | cancel | resume | approve | runs | remove`: from a terminal.

The same runs can be started, watched, approved and cancelled in the Prefect UI.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, ParamSpec
from uuid import UUID

import typer

from components.core.errors import EXIT_BAD_INPUT, BadInput
from components.core.validation import suggest
from infra.local import record
from infra.local.settings import Services, isolated

if TYPE_CHECKING:
    from rich.console import Console

    from flows.control import Control
    from flows.variants import StudyPlan

P = ParamSpec("P")
app = typer.Typer(no_args_is_help=True, help=__doc__, add_completion=False, pretty_exceptions_enable=False)
_EXIT_DETACHED = 130  # as a shell says of a program that Ctrl-C ended

Name = Annotated[str, typer.Argument(help="The run's name, as the Prefect UI shows it")]
PresetOption = Annotated[str, typer.Option(help="A complete set of parameters, one of presets/")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="Change one parameter: name=value, e.g. curriculum.stem.token_budget=200000; repeatable"
    ),
]
UntilOption = Annotated[str, typer.Option(help="The last stage to run; release runs the whole pipeline")]


def _reports_bad_input(command: Callable[P, None]) -> Callable[P, None]:
    """One clear error and exit code 2 for what a person gave wrong."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except BadInput as error:
            for line in str(error).splitlines():
                typer.echo(f"flows: {line}", err=True)
            raise typer.Exit(EXIT_BAD_INPUT) from None

    return wrapped


@app.callback()
@_reports_bad_input
def main() -> None:
    """Point this process at the local services before anything imports Prefect, which reads its settings once."""
    services = record.running(Services.configured()) or Services.configured()
    environment = isolated(services)
    os.environ.clear()
    os.environ.update(environment)


@app.command()
@_reports_bad_input
def run(
    preset: PresetOption = "nano",
    set_: SetOption = None,
    until: UntilOption = "release",
    profile: Annotated[str, typer.Option(help="Where stages run, one of infra/profiles/")] = "local",
    approve: Annotated[bool, typer.Option("--approve", help="Wait for a person before the release")] = False,
) -> None:
    """Take raw text to a released model; start the local services if they are down. Unchanged stages are skipped.

    Ctrl-C leaves the run going. Exit code 0: completed; 2: bad input; 75: cancelled with its work saved; 1: failed.
    """
    from flows.compose import compose, read_overrides, stage_names
    from flows.execution.profile import load_profile

    lines = set_ or []
    compose(preset, read_overrides(lines))  # refuse what is wrong before anything is started
    load_profile(profile)
    if until not in stage_names():
        raise BadInput(f"--until {until}: no stage; {suggest(until, stage_names())}")
    _ensure_up()
    from flows.control import CURRICULUM

    control = _connect()
    started = control.start(
        CURRICULUM,
        {
            "preset": preset,
            "until": until,
            "overrides": {"extra_overrides": "\n".join(lines)},
            "profile": profile,
            "require_approval": approve,
        },
    )
    _follow(control, started.id, started.name)


@app.command()
@_reports_bad_input
def ablate(
    study: Annotated[
        str,
        typer.Option(
            help="streams: leave out one kind of trajectory at a time; observations: train what tools answered with "
            "weight 0, 0.1 and 1; branches: with and without wrong steps (makes everything anew)"
        ),
    ] = "streams",
    preset: PresetOption = "nano",
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Runs of every variant, each in another order of rows")] = 3,
    tokens: Annotated[
        int, typer.Option(min=0, help="Tokens every run trains in the studied stage; 0: as in the preset")
    ] = 0,
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Runs that work at once")] = 1,
    set_: SetOption = None,
    profile: Annotated[str, typer.Option(help="Where stages run, one of infra/profiles/")] = "local",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would run and what it costs; run nothing")
    ] = False,
) -> None:
    """Compare variants of the agentic stage (gate.candidate): same start, same tokens, same questions, several seeds.

    Each variant and seed is a run of the pipeline up to the stage's evaluation, under the study's name and its own:
    what variants share is made once. The end is a table of differences with intervals, a picture, and an MLflow run
    above all the others. `python -m flows watch NAME` shows it again, `resume NAME` goes on after an interruption.

    Example: python -m flows ablate --study streams --seeds 3 --tokens 300000 --set evaluation.episodes=20 --dry-run
    """
    from flows.compose import read_overrides
    from flows.execution.profile import load_profile
    from flows.variants import plan_study

    lines = set_ or []
    planned = plan_study(study, preset, read_overrides(lines), seeds=seeds, token_budget=tokens)
    load_profile(profile)
    if dry_run:
        _show_study(planned, preset)
        return
    _ensure_up()
    from flows.control import ABLATE

    control = _connect()
    started = control.start(
        ABLATE,
        {
            "study": study,
            "preset": preset,
            "seeds": seeds,
            "token_budget": tokens,
            "parallel": parallel,
            "overrides": {"extra_overrides": "\n".join(lines)},
            "profile": profile,
        },
    )
    _follow(control, started.id, started.name)


@app.command()
@_reports_bad_input
def compare(name: Name) -> None:
    """Print what a study found, from its experiments alone: also of one that has not finished, as far as it got."""
    from flows.comparison import read_study

    typer.echo(read_study(name).page)


def _show_study(planned: StudyPlan, preset: str) -> None:
    """The runs, and what they cost if they take as long as their like did before."""
    from rich.console import Console
    from rich.table import Table

    from flows.plan import plan as make_plan
    from flows.plan import seconds_before

    _forget_server()
    console = Console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("run", "until", "changes"):
        table.add_column(column, overflow="fold")
    for run in planned.runs:
        table.add_row(run.label, run.until, run.override_lines)
    console.print(table)
    own = [f"pretrain@{planned.stage}", f"evaluate@{planned.stage}"]
    first = make_plan(preset, planned.runs[1].overrides, planned.runs[1].until)
    shared = [stage for stage in first if stage.runs and stage.name not in own]
    count = sum(run.seed is not None for run in planned.runs)
    known = {name: seconds_before(name, planned.stage_tokens) for name in own}
    shared_s = sum(stage.seconds or 0 for stage in shared)
    text = f"{len(planned.runs)} runs train {count * planned.stage_tokens:,} tokens in {planned.stage}"
    if all(known.values()):
        text += f", about {shared_s + count * sum(filter(None, known.values())):.0f} s one after another"
    text += f"; made once: {', '.join(stage.name for stage in shared) or 'nothing'}"
    console.print(text)


@app.command()
@_reports_bad_input
def watch(name: Name) -> None:
    """Show a run until it ends, then what came out of it."""
    control = _connect()
    found = control.find(name)
    _follow(control, found.id, found.name)


@app.command()
@_reports_bad_input
def plan(preset: PresetOption = "nano", set_: SetOption = None, until: UntilOption = "release") -> None:
    """Say what a run would do and what made each stage stale. Nothing runs."""
    from rich.console import Console
    from rich.table import Table

    from flows.compose import read_overrides
    from flows.plan import plan as make_plan

    _forget_server()
    stages = make_plan(preset, read_overrides(set_ or []), until)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("stage", "would", "because", "tokens", "about s"):
        table.add_column(column, justify="right" if column in ("tokens", "about s") else "left", overflow="fold")
    for stage in stages:
        would = "run" if stage.runs else "[dim]skip[/]"
        because = "; ".join(stage.reasons) if stage.runs else "[dim]unchanged[/]"
        seconds = f"{stage.seconds:.0f}" if stage.seconds is not None else ""
        table.add_row(stage.name, would, because, f"{stage.tokens:,}" if stage.tokens else "", seconds)
    console = Console()
    console.print(table)
    running = [stage for stage in stages if stage.runs]
    known = [stage.seconds for stage in running if stage.seconds is not None]
    text = f"{len(running)} of {len(stages)} stages would run, training on {sum(s.tokens for s in running):,} tokens"
    if known:
        unknown = len(running) - len(known)
        text += f", about {sum(known):.0f} s one after another" + (
            f" and {unknown} never timed here" if unknown else ""
        )
    console.print(text)


@app.command()
@_reports_bad_input
def cancel(name: Name) -> None:
    """Stop a run; what trains saves its work first. `resume` takes it up again."""
    from rich.console import Console

    from flows.live import watch as watch_run

    control = _connect()
    found = control.find(name)
    control.cancel(found)
    view = watch_run(control, found.id, Console())
    typer.echo(f"{name}: {view.state.name}; go on with `python -m flows resume {name}`")


@app.command()
@_reports_bad_input
def resume(name: Name) -> None:
    """Go on with a run that was cancelled or failed: same name, same workspace, same tracked run."""
    _ensure_up()
    control = _connect()
    found = control.find(name)
    control.resume(found)
    _follow(control, found.id, found.name)


@app.command()
@_reports_bad_input
def approve(
    name: Name,
    decline: Annotated[bool, typer.Option("--decline", help="End the run without a release")] = False,
    note: Annotated[str, typer.Option(help="Why; kept with the run")] = "",
) -> None:
    """Answer a run that waits before its release."""
    control = _connect()
    control.approve(control.find(name), release=not decline, note=note)


@app.command()
def runs() -> None:
    """List the workspaces of runs that have not ended well; a finished run's is gone and its experiment stays."""
    from flows.workspace import listed

    for workspace in listed():
        typer.echo(f"{workspace.record.name}  {workspace.path}")


@app.command()
@_reports_bad_input
def remove(name: Name) -> None:
    """Delete the workspace of a run. Cached outputs and tracked runs stay."""
    from flows.workspace import remove as remove_workspace

    if not remove_workspace(name):
        raise BadInput(f"run {name!r}: has no workspace; `python -m flows runs` lists them")
    typer.echo(f"{name}: workspace removed")


def _forget_server() -> None:
    """Past runs are read from the tracking server's own database where the server is down."""
    if record.running(Services.configured()) is None:
        del os.environ["MLFLOW_TRACKING_URI"]


def _ensure_up() -> None:
    done = subprocess.run([sys.executable, "-m", "infra.local", "up"], stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise typer.Exit(done.returncode)


def _connect() -> Control:
    """The local services' Prefect server. Raises BadInput if they do not run."""
    if record.running(Services.configured()) is None:
        raise BadInput("the services are not running; start them with `make up`")
    from flows.control import Control

    return Control.connect()


def _follow(control: Control, run_id: UUID, name: str) -> None:
    from rich.console import Console

    from flows.live import ServerGone
    from flows.live import watch as watch_run

    console = Console()
    console.print(f"run [bold]{name}[/]: {control.url(run_id)}", soft_wrap=True)
    try:
        view = watch_run(control, run_id, console)
    except KeyboardInterrupt:
        typer.echo(
            f"\n{name} goes on without this terminal. Watch it again: `python -m flows watch {name}`; "
            f"stop it: `python -m flows cancel {name}`"
        )
        raise typer.Exit(_EXIT_DETACHED) from None
    except ServerGone as error:
        typer.echo(f"{name}: {error}; `make up`, then `python -m flows watch {name}` or `resume`", err=True)
        raise typer.Exit(1) from None
    _conclude(control, run_id, name, view.exit_code, view.state.message or "", console)


def _conclude(control: Control, run_id: UUID, name: str, exit_code: int, message: str, console: Console) -> None:
    """What came out, where it is, and the exit code that the run's end deserves."""
    from flows.collect import bring_home
    from flows.live import show_summary

    rows, page = control.summary(run_id)
    show_summary(rows, page, console)
    if exit_code == 0 and rows:  # a study has results of its runs alone
        console.print(bring_home(name), soft_wrap=True, highlight=False)
    elif exit_code != 0:
        typer.echo(f"{name}: {message}", err=True)
        if exit_code != EXIT_BAD_INPUT:
            typer.echo(f"go on with `python -m flows resume {name}`", err=True)
    console.print(f"Prefect  {control.url(run_id)}", soft_wrap=True)
    console.print(f"MLflow   {os.environ['MLFLOW_TRACKING_URI']}", soft_wrap=True)
    raise typer.Exit(exit_code)


if __name__ == "__main__":
    app()
