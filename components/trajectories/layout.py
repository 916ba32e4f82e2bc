"""Where the trajectory stages write."""

from pathlib import Path

TRAJECTORIES = Path("data/trajectories")
QUARANTINE = Path("data/quarantine/trajectories")
