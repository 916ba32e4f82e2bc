"""`python -m components.fingerprint`: the stage `fingerprint`, which writes the code of every stage as hashes.

    components, model, params.yaml -> artifacts/code/<stage>.json

It runs whenever a source file changes and takes a second, so it has no tracked run and reports no progress. Comments,
docstrings and formatting leave its output, and so every other stage, as they were (docs/decisions/0009).
"""

from __future__ import annotations

from components.core.errors import EXIT_BAD_INPUT, BadInput, fail
from components.core.files import write_directory, write_json
from components.core.fingerprint import DIRECTORY, STAGE, Sources, stage_code, stage_names
from components.tasks.kit.registry import family_modules


def main() -> None:
    """Write one file per stage."""
    families, sources = family_modules(), Sources()
    with write_directory(DIRECTORY) as directory:
        for stage in stage_names():
            write_json(directory / f"{stage}.json", stage_code(stage, families, sources=sources))


if __name__ == "__main__":
    try:
        main()
    except BadInput as error:
        fail(STAGE, str(error), EXIT_BAD_INPUT)
