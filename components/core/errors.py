"""The two ways a stage ends early, and the exit codes they stand for.

Exit codes: 0 done; 2 bad input, nothing written; 75 interrupted with the work saved, run the same command again.
"""

from __future__ import annotations

import sys
from typing import NoReturn

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 75


class BadInput(Exception):
    """Input from a person that cannot be used. Stages and flows report it in one line and exit with code 2."""


class Interrupted(Exception):
    """The stage was told to stop and has saved its work; the same command resumes it."""


def fail(name: str, message: str, code: int) -> NoReturn:
    """Print what ended the program, one line a fault, and exit with `code`."""
    for line in message.splitlines():
        print(f"{name}: {line}", file=sys.stderr)
    sys.exit(code)
