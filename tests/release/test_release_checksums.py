"""A release that was touched is noticed, file by file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from release_workspace import Workspace
from stage_workspace import file_bytes

from components.core.errors import BadInput
from components.release.checksums import verify_release


def test_a_whole_release(built: Workspace) -> None:
    done = built.run("verify")
    assert (done.returncode, done.stdout) == (0, "release: 11 files as they were released\n")
    assert verify_release(built.release).keys() == file_bytes(built.release).keys() - {"SHA256SUMS"}


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("touch", "message"),
    [
        (lambda release: _flip(release / "gguf/lesson-f32.gguf"), "gguf/lesson-f32.gguf: has been changed"),
        (lambda release: _flip(release / "release.json"), "release.json: has been changed"),
        (lambda release: (release / "tokenizer.json").unlink(), "tokenizer.json: is missing"),
        (lambda release: (release / "modeling.py").write_text("x"), "modeling.py: is not listed in SHA256SUMS"),
        (lambda release: (release / "SHA256SUMS").unlink(), "SHA256SUMS: missing"),
        (lambda release: (release / "SHA256SUMS").write_text("x\n"), "SHA256SUMS:1: not a line of sha256sum"),
    ],
)
def test_what_was_touched_is_named(copy: Callable[[], Workspace], touch: Callable[[Path], None], message: str) -> None:
    workspace = copy()
    touch(workspace.release)
    with pytest.raises(BadInput, match=message):
        verify_release(workspace.release)


def test_the_program_says_so(copy: Callable[[], Workspace]) -> None:
    workspace = copy()
    _flip(workspace.release / "model.safetensors")
    (workspace.release / "config.json").unlink()
    done = workspace.run("verify")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "verify: release/config.json: is missing",
        "verify: release/model.safetensors: has been changed since it was released",
        "verify: restore the release with `dvc checkout --force release`",
    ]
