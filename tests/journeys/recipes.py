"""The recipes of CONTRIBUTING.md, carried out in a clone as they stand there."""

from __future__ import annotations

import re
from typing import Any

import yaml
from journey_clone import ROOT, Clone

_BLOCK = re.compile(r"^```(?P<info>[^\n]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def recipe(heading: str) -> list[tuple[str, str]]:
    """The code blocks below a heading: what stands beside the fence, and the text."""
    parts = re.split(r"^## (.+)$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    return [(block["info"], block["text"]) for block in _BLOCK.finditer(sections[heading])]


def carry_out(clone: Clone, heading: str) -> dict[str, str]:
    """Do what a recipe says; returns what each command printed."""
    printed = {}
    for info, text in recipe(heading):
        match info.split():
            case ["bash"]:
                for command in text.splitlines():
                    printed[command] = clone.run("bash", "-c", command).stdout
            case ["diff"]:
                _change(clone, text)
            case ["yaml", "merge", path]:
                place = clone.root / path
                tree = _merged(yaml.safe_load(place.read_text(encoding="utf-8")), yaml.safe_load(text))
                place.write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), encoding="utf-8")
            case [_, path]:
                place = clone.root / path
                assert not place.exists(), f"{path} is no new file"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")
            case _:
                raise AssertionError(f"what is to be done with a block {info!r}?")
    return printed


def _change(clone: Clone, diff: str) -> None:
    """Apply a diff of one hunk by its lines, which must stand once in the file."""
    head, *lines = diff.splitlines(keepends=True)
    place = clone.root / head.removeprefix("--- a/").strip()
    hunk = [line for line in lines if not line.startswith(("+++ ", "@@"))]
    before = "".join(line[1:] for line in hunk if line[0] in " -")
    after = "".join(line[1:] for line in hunk if line[0] in " +")
    text = place.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{place.name} does not hold once:\n{before}"
    place.write_text(text.replace(before, after), encoding="utf-8")


def _merged(old: Any, new: Any) -> Any:
    """Mappings are merged, lists extended, everything else replaced."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {name: _merged(old.get(name), value) for name, value in new.items()}
    return old + new if isinstance(old, list) and isinstance(new, list) else new
