"""`python -m scripts.find_code_survivors [PACKAGE ...]`: the mutants that no test of their package notices.

Runs every suite of a module on every mutant of it (minutes a package) and writes those that all of them pass to
`code_survivors.jsonl.zst` beside it; the rows of other packages stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from components.core.errors import BadInput
from components.corpus.documents import SHARD_SUFFIX, read_lines, write_lines
from components.tasks.code.catalogue import PACKAGES
from components.tasks.code.mutants import Mutant, judge
from components.tasks.code.operators import Mutation, mutations
from components.tasks.code.packages import load_package
from components.tasks.code.runner import TestRunner
from scripts.command_line import choose_packages, run

SURVIVORS = Path(__file__).with_name(f"code_survivors{SHARD_SUFFIX}")
ZSTD_LEVEL = 19
_LEFT_OUT = ("pyflakes/checker.py",)  # thousands of mutants, four suites each


@dataclass(frozen=True, kw_only=True)
class Survivor:
    """A mutant that the package's own tests pass."""

    package: str
    module: str
    mutation: Mutation


def find_survivors(runner: TestRunner, package: str) -> Iterator[Survivor]:
    origin = load_package(package)
    suites = origin.spec.suites
    for module in dict.fromkeys(module for suite in suites for module in suite.modules if module not in _LEFT_OUT):
        covering = [suite for suite in suites if module in suite.modules]
        for mutation in mutations(origin.files[module]):
            mutants = (Mutant(package=package, suite=suite, module=module, mutation=mutation) for suite in covering)
            if all(judge(runner, mutant)[0] == "survived" for mutant in mutants):
                yield Survivor(package=package, module=module, mutation=mutation)


def to_row(survivor: Survivor) -> dict[str, object]:
    mutation = survivor.mutation
    return {
        "package": survivor.package,
        "module": survivor.module,
        "operator": mutation.operator,
        "line": mutation.line,
        "new": mutation.new,
    }


@cache
def load_survivors() -> tuple[Survivor, ...]:
    """The shipped ones, in the order of packages and lines. Raises BadInput where one fits no source."""
    found = []
    for line in read_lines(SURVIVORS):
        row = json.loads(line)
        key = row["operator"], row["line"], row["new"]
        source = load_package(row["package"]).files[row["module"]]
        fits = [one for one in mutations(source) if (one.operator, one.line, one.new) == key]
        if not fits:
            raise BadInput(f"{SURVIVORS}: {row} is no mutation; run `python -m scripts.find_code_survivors`")
        found.append(Survivor(package=row["package"], module=row["module"], mutation=fits[0]))
    return tuple(found)


def main(package: Annotated[list[str] | None, typer.Argument(help="All of them by default.")] = None) -> None:
    """Find the mutants that no test of their package notices."""
    runner = TestRunner()
    known = load_survivors() if SURVIVORS.is_file() else ()
    kept = {spec.name: [one for one in known if one.package == spec.name] for spec in PACKAGES}
    for name in choose_packages(package, list(kept)):
        kept[name] = list(find_survivors(runner, name))
        print(f"{name}: {len(kept[name])} survivors")
        write_lines(SURVIVORS, [to_row(one) for spec in PACKAGES for one in kept[spec.name]], level=ZSTD_LEVEL)


if __name__ == "__main__":
    run(main)
