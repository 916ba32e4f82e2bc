"""Prefect's worker, started once its server answers: it would give up on a server that is still starting."""

from __future__ import annotations

import os
import sys

from infra.local.health import wait_until_healthy
from infra.local.settings import Services


def main() -> None:
    wait_until_healthy(Services.configured().prefect_url + "/api/health", patience_s=300)
    os.execv(sys.executable, [sys.executable, "-m", "prefect", "worker", "start", *sys.argv[1:]])


if __name__ == "__main__":
    main()
