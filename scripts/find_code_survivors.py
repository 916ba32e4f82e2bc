"""`python -m scripts.find_code_survivors [PACKAGE ...]`: the mutants that no test of their package notices.

Runs every suite of a module on every mutant of it (minutes a package) and writes those that all of them pass to
`shipped/survivors.jsonl.zst`; the rows of other packages stay as they are.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from components.core.errors import BadInput
from components.corpus.documents import SHARD_SUFFIX, read_lines, write_lines
from components.tasks.code.catalogue import PACKAGES
from components.tasks.code.mutants import Mutant, Workshop
from components.tasks.code.operators import Mutation, mutations
from components.tasks.code.packages import SHIPPED, load_package

SURVIVORS = SHIPPED / f"survivors{SHARD_SUFFIX}"
ZSTD_LEVEL = 19
_LEFT_OUT = ("pyflakes/checker.py",)  # thousands of mutants, four suites each


@dataclass(frozen=True, kw_only=True)
class Survivor:
    """A mutant that the package's own tests pass."""

    package: str
    module: str
    mutation: Mutation

    @property
    def changed(self) -> dict[str, str]:
        """The module with the change in it."""
        return {self.module: self.mutation.apply(load_package(self.package).files[self.module])}


def measure(workshop: Workshop, package: str) -> Iterator[Survivor]:
    origin = load_package(package)
    suites = origin.spec.suites
    for module in dict.fromkeys(module for suite in suites for module in suite.modules if module not in _LEFT_OUT):
        covering = [suite for suite in suites if module in suite.modules]
        for mutation in mutations(origin.files[module]):
            mutants = (Mutant(package=package, suite=suite, module=module, mutation=mutation) for suite in covering)
            if all(workshop.judge(mutant)[0] == "survived" for mutant in mutants):
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


def main(packages: list[str]) -> None:
    workshop = Workshop()
    known = load_survivors() if SURVIVORS.is_file() else ()
    kept = {spec.name: [one for one in known if one.package == spec.name] for spec in PACKAGES}
    for name in packages:
        kept[name] = list(measure(workshop, name))
        print(f"{name}: {len(kept[name])} survivors")
        write_lines(SURVIVORS, [to_row(one) for spec in PACKAGES for one in kept[spec.name]], level=ZSTD_LEVEL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m scripts.find_code_survivors")
    names = [spec.name for spec in PACKAGES]
    parser.add_argument("package", nargs="*", choices=names, help="all of them by default")
    try:
        main(parser.parse_args().package or names)
    except BadInput as fault:
        print(fault, file=sys.stderr)
        sys.exit(2)
