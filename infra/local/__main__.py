"""`python -m infra.local up | down | status`."""

from __future__ import annotations

import sys
import time

import typer

from components.core.errors import BadInput
from infra.local import record, services
from infra.local.settings import Services

app = typer.Typer(no_args_is_help=True, help=__doc__, add_completion=False, pretty_exceptions_enable=False)


def _report(line: str) -> None:
    typer.echo(f"  {line}", err=True)


def _fail(message: str, code: int) -> typer.Exit:
    for line in message.splitlines():
        typer.echo(f"up: {line}", err=True)
    return typer.Exit(code)


@app.command()
def up() -> None:
    """Start the Prefect server, the MLflow server and a worker, or do nothing if they run. Ports: 4200 and 5000.

    TRIVIUM_PREFECT_PORT and TRIVIUM_MLFLOW_PORT choose others.
    """
    started_s = time.monotonic()
    try:
        running = services.up(_report)
    except BadInput as error:
        raise _fail(str(error), 2) from None
    except services.StartFailed as error:
        raise _fail(str(error), 1) from None
    typer.echo(f"Prefect  {running.prefect_url}")
    typer.echo(f"MLflow   {running.mlflow_url}")
    typer.echo(f"up in {time.monotonic() - started_s:.0f} s; log: {running.log}", err=True)


@app.command()
def down() -> None:
    """Stop the services and their runs, which save their work first. Data stays."""
    typer.echo("services stopped; data kept" if services.down(_report) else "services are not running")


@app.command()
def status() -> None:
    """Say what runs, and where. Exit code 1 unless all of it does."""
    found = record.running(Services.configured())
    if found is None:
        typer.echo("services are not running; start them with `make up`")
        raise typer.Exit(1)
    states = services.state(found)
    for name, (url, healthy) in states.items():
        typer.echo(f"{name:8} {url}  {'up' if healthy else 'not answering'}")
    sys.exit(0 if all(healthy for _, healthy in states.values()) else 1)


if __name__ == "__main__":
    app()
