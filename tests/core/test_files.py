"""Files and directories appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.core.files import write_directory, write_file


@pytest.mark.parametrize("durable", [True, False])
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "made" / "state.json"
    with write_file(path, durable=durable) as temporary:
        temporary.write_text("one")
    with pytest.raises(RuntimeError), write_file(path, durable=durable) as temporary:
        temporary.write_text("half of tw")
        raise RuntimeError
    assert [(found.name, found.read_text()) for found in path.parent.iterdir()] == [("state.json", "one")]


def test_a_directory_replaces_the_old_one_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    for text in ("one", "two"):
        with write_directory(path) as directory:
            (directory / text).write_text(text)
    with pytest.raises(RuntimeError), write_directory(path) as directory:
        (directory / "three").write_text("thr")
        raise RuntimeError
    assert [found.relative_to(tmp_path).as_posix() for found in sorted(tmp_path.rglob("*"))] == ["out", "out/two"]
