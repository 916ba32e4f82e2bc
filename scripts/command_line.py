"""What the command lines of the scripts share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import typer

from components.core.errors import BadInput


def choose_packages(asked: Sequence[str] | None, known: Sequence[str]) -> Sequence[str]:
    """What was asked for, all by default. Raises typer.BadParameter for a package that is not there."""
    unknown = [name for name in asked or () if name not in known]
    if unknown:
        raise typer.BadParameter(f"no package {unknown[0]!r}; packages: {', '.join(known)}")
    return asked or known


def run(command: Callable[..., None]) -> None:
    """The command line of a script: bad input is one line and exit code 2."""
    try:
        typer.run(command)
    except BadInput as fault:
        print(fault, file=sys.stderr)
        sys.exit(2)
