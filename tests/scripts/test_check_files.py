"""The hooks of .pre-commit-config.yaml: local, and each refuses what it is there for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def _hook(name: str, *files: Path) -> subprocess.CompletedProcess[str]:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert repository["repo"] == "local", "nothing is fetched"
    entry = next(hook["entry"] for hook in repository["hooks"] if hook["id"] == name)
    here = entry.replace(".venv/bin", str(Path(sys.executable).parent))
    return subprocess.run([*here.split(), *files], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("hook", "name", "good", "bad"),
    [
        ("ruff", "a.py", "x = 1\n", "import os\n"),
        ("ruff-format", "a.py", "x = 1\n", "x=1\n"),
        ("yaml", "a.yaml", "a: [1]\n---\nb: 2\n", "a: [1\n"),
        ("large-files", "a.txt", "small", "x" * 1_000_001),
    ],
)
def test_a_hook_takes_the_good_and_refuses_the_bad(tmp_path: Path, hook: str, name: str, good: str, bad: str) -> None:
    for text, code in ((good, 0), (bad, 1)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        done = _hook(hook, tmp_path / name)
        assert done.returncode == code, done.stdout + done.stderr
