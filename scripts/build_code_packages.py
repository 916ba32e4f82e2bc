"""Rebuild the packages that ship with the code tasks: `python -m scripts.build_code_packages`.

Fetches each wheel by its pinned version, checks its hash, takes it apart without executing anything in it and writes
`shipped/<package>.jsonl.zst` (one file a line, text unchanged), its licence and `shipped/NOTICE.md`. The same wheels
give the same bytes on every machine.
"""

from __future__ import annotations

import fnmatch
import shutil
import tempfile
from pathlib import Path

from components.core.errors import BadInput
from components.core.files import write_text
from components.core.lineage import sha256_file
from components.corpus.documents import write_lines
from components.corpus.packages import fetch, read_members
from components.tasks.code.catalogue import PACKAGES, PackageSpec
from components.tasks.code.packages import SHIPPED, package_path
from scripts.command_line import run

_ZSTD_LEVEL = 22  # packed once, unpacked often
_NOTICE = """# The packages of the code tasks: sources and terms

Written by `python -m scripts.build_code_packages`; do not edit by hand. Python files of published wheels,
unchanged, with their tests; each licence is in `LICENCE.<package>`. Tasks show excerpts of them, some with a fault put
in on purpose.

| package | taken from | licence | copyright | split | files | lines | of them tests |
|---|---|---|---|---|---:|---:|---:|
{rows}
"""


def build(directory: Path) -> None:
    """Write every package, its licence and the notice into `directory`."""
    rows: list[str] = []
    for spec in PACKAGES:
        where = f"build_code_packages: {spec.name}"
        wheel = fetch("pypi", spec.distribution, spec.version, spec.sha256, where=where)
        files = read_files(spec, wheel)
        missing = [path for suite in spec.suites for path in (suite.tests, *suite.modules) if path not in files]
        if missing:
            raise BadInput(f"{where}: the wheel has no {', '.join(missing)}; correct the catalogue")
        path = package_path(spec.name, directory)
        write_lines(path, [{"path": path, "text": text} for path, text in files.items()], level=_ZSTD_LEVEL)
        ((_, licence),) = read_members(wheel, spec.licence_member)
        write_text(directory / f"LICENCE.{spec.name}", licence.decode())
        lines = {path: len(text.splitlines()) for path, text in files.items()}
        tests = sum(count for path, count in lines.items() if "/test" in path or "/_test" in path)
        rows.append(
            f"| `{spec.name}` | pypi `{spec.distribution}` {spec.version} | {spec.licence} | {spec.terms} "
            f"| {spec.split} | {len(files)} | {sum(lines.values()):,} | {tests:,} |"
        )
        print(f"{spec.name}: {len(files)} files, {sum(lines.values()):,} lines, sha256 {sha256_file(path)}")
    write_text(directory / "NOTICE.md", _NOTICE.format(rows="\n".join(rows)))


def read_files(spec: PackageSpec, wheel: Path) -> dict[str, str]:
    """The kept files of a wheel by path."""
    files: dict[str, str] = {}
    for pattern in spec.files:
        for path, data in read_members(wheel, pattern):
            if not any(fnmatch.fnmatchcase(path, left_out) for left_out in spec.left_out):
                files[path] = data.decode("utf-8").replace("\r\n", "\n")
    return dict(sorted(files.items()))


def main() -> None:
    """Rebuild the packages that ship with the code tasks."""
    with tempfile.TemporaryDirectory() as scratch:  # all packages or none
        build(Path(scratch))
        SHIPPED.mkdir(exist_ok=True)
        for path in sorted(Path(scratch).iterdir()):
            shutil.move(path, SHIPPED / path.name)


if __name__ == "__main__":
    run(main)
