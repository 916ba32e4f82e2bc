"""SHA256SUMS: every file of a release by its hash, as `sha256sum --check` reads it too."""

from __future__ import annotations

import re
from pathlib import Path

from components.core.errors import BadInput
from components.core.files import write_text
from components.core.lineage import sha256_file
from components.release.layout import CHECKSUMS_FILE, MANIFEST_FILE, RELEASE

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def write_checksums(directory: Path) -> None:
    """Write SHA256SUMS over everything else below `directory`."""
    lines = [f"{sha256_file(directory / name)}  {name}\n" for name in _files(directory)]
    write_text(directory / CHECKSUMS_FILE, "".join(lines))


def verify_release(directory: Path = RELEASE) -> dict[str, str]:
    """Check every file of a release; returns the hashes by name.

    Raises BadInput naming each file that differs, is missing, or does not belong to the release.
    """
    if not (directory / MANIFEST_FILE).is_file():
        raise BadInput(f"{directory}: no release here; run `make run`, or name the directory of one")
    sums = directory / CHECKSUMS_FILE
    if not sums.is_file():
        raise BadInput(f"{sums}: missing; restore the release with `dvc checkout --force {directory}`")
    expected = read_checksums(sums)
    faults = [
        f"{directory / name}: {fault}"
        for name in sorted(expected.keys() | set(_files(directory)))
        if (fault := _fault(directory / name, expected.get(name)))
    ]
    if faults:
        raise BadInput("\n".join([*faults, f"restore the release with `dvc checkout --force {directory}`"]))
    return expected


def read_checksums(path: Path) -> dict[str, str]:
    """Hashes by file name. Raises BadInput for a line that is none."""
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise BadInput(f"{path}:{number}: not a line of sha256sum; restore the release")
        found[match[2]] = match[1]
    return found


def _fault(path: Path, sha256: str | None) -> str | None:
    if sha256 is None:
        return f"is not listed in {CHECKSUMS_FILE}, so it is no part of the release"
    if not path.is_file():
        return "is missing"
    return None if sha256_file(path) == sha256 else "has been changed since it was released"


def _files(directory: Path) -> list[str]:
    names = (path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
    return sorted(name for name in names if name != CHECKSUMS_FILE)
