"""What tells a function from wrong versions of it: the shipped calls, as `find_calls.py` found them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from components.core.errors import BadInput
from components.corpus.documents import SHARD_SUFFIX, read_lines
from components.tasks.code.packages import SHIPPED, load_package

TELLING = SHIPPED / f"telling{SHARD_SUFFIX}"


@dataclass(frozen=True, kw_only=True)
class Version:
    """A wrong version of a function. A survivor passes the tests of its package."""

    operator: str
    line: int
    new: str
    survivor: bool


@dataclass(frozen=True, kw_only=True)
class Call:
    """An expression that goes through a function, by number the versions that a test of it notices, and a value that
    one of those gives."""

    expression: str
    notices: tuple[int, ...]
    mistaken: str | None


@dataclass(frozen=True, kw_only=True)
class Telling:
    """What is known about a function; every version is noticed by some call."""

    package: str
    module: str
    function: str
    versions: tuple[Version, ...]
    calls: tuple[Call, ...]

    def changed(self, number: int) -> dict[str, str]:
        """The module with one version in it."""
        lines = load_package(self.package).files[self.module].split("\n")
        lines[self.versions[number].line - 1] = self.versions[number].new
        return {self.module: "\n".join(lines)}


@cache
def load_telling() -> tuple[Telling, ...]:
    """The shipped rows. Raises BadInput where they are missing or torn."""
    if not TELLING.is_file():
        raise BadInput(f"{TELLING}: missing; run `python -m scripts.find_code_calls`")
    return tuple(_read(json.loads(line)) for line in read_lines(TELLING))


def _read(row: dict[str, Any]) -> Telling:
    versions = tuple(Version(**version) for version in row["versions"])
    calls = tuple(Call(**{**call, "notices": tuple(call["notices"])}) for call in row["calls"])
    return Telling(**{**row, "versions": versions, "calls": calls})
