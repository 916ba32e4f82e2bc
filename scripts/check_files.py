"""`python scripts/check_files.py [--yaml] [--max-kb N] FILE...`: one line for each fault, then exit code 1."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml


def check(
    files: list[Path],
    read_yaml: Annotated[bool, typer.Option("--yaml", help="read each file as YAML")] = False,
    max_kb: Annotated[int | None, typer.Option(help="refuse larger files, in units of 1000 bytes")] = None,
) -> None:
    """Check files before they are committed."""
    faults = [fault for path in files if (fault := _fault(path, read_yaml, max_kb))]
    print("\n".join(faults), end="\n" if faults else "")
    raise typer.Exit(1 if faults else 0)


def _fault(path: Path, read_yaml: bool, max_kb: int | None) -> str | None:
    if max_kb is not None and path.stat().st_size > max_kb * 1000:
        return f"{path}: {path.stat().st_size / 1000:.0f} kB, over {max_kb} kB"
    if read_yaml:
        try:
            list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
        except yaml.YAMLError as error:
            return f"{path}: not valid YAML: {str(error).splitlines()[-1].strip()}"
    return None


if __name__ == "__main__":
    typer.run(check)
