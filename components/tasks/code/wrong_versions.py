"""Wrong versions of functions and calls that tell them apart: shipped rows that `scripts.find_code_calls` writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

from components.core.errors import BadInput
from components.corpus.documents import SHARD_SUFFIX, read_lines
from components.tasks.code.packages import SHIPPED, load_package, with_line

WRONG_VERSIONS = SHIPPED / f"wrong_versions{SHARD_SUFFIX}"


@dataclass(frozen=True, kw_only=True)
class WrongVersion:
    """A wrong version of a function: its line `line` reads `new`. A survivor passes the tests of its package."""

    operator: str
    line: int
    new: str
    survivor: bool


@dataclass(frozen=True, kw_only=True)
class KnownCall:
    """An expression that goes through a function; `notices` are the numbers of the versions that a test of it notices,
    `mistaken` a value that one of those gives."""

    expression: str
    notices: tuple[int, ...]
    mistaken: str | None


@dataclass(frozen=True, kw_only=True)
class VersionedFunction:
    """What is known about a function; every version is noticed by some call."""

    package: str
    module: str
    function: str
    versions: tuple[WrongVersion, ...]
    calls: tuple[KnownCall, ...]

    def changed(self, number: int) -> dict[str, str]:
        """The module with one version in it."""
        version = self.versions[number]
        return {self.module: with_line(load_package(self.package).files[self.module], version.line, version.new)}


@cache
def load_wrong_versions() -> tuple[VersionedFunction, ...]:
    """The shipped rows. Raises BadInput where they are missing or torn."""
    if not WRONG_VERSIONS.is_file():
        raise BadInput(f"{WRONG_VERSIONS}: missing; run `python -m scripts.find_code_calls`")
    return tuple(
        VersionedFunction(
            **{
                **row,
                "versions": tuple(WrongVersion(**version) for version in row["versions"]),
                "calls": tuple(KnownCall(**{**call, "notices": tuple(call["notices"])}) for call in row["calls"]),
            }
        )
        for row in map(json.loads, read_lines(WRONG_VERSIONS))
    )
