"""`python -m components.sandbox`: try every way out of the sandbox on this machine and say which were contained.

Ends with 1 where one was not, and with 2 where this machine cannot contain code at all.
"""

from __future__ import annotations

import platform
import sys

from components.core.errors import BadInput
from components.sandbox.containment_probes import try_all


def main() -> int:
    outcomes: list[bool] = []
    for attempt, contained in try_all():
        outcomes.append(contained)
        print(f"{attempt.aim:<10} {attempt.name:<40} {'contained' if contained else 'NOT CONTAINED'}", flush=True)
    print(f"{sum(outcomes)} of {len(outcomes)} contained on {platform.machine()}, Linux {platform.release()}")
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BadInput as fault:
        print(fault, file=sys.stderr)
        sys.exit(2)
