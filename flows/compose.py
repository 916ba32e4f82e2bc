"""From what a person chose to one `params.yaml`: a preset, then overrides as dotted names with YAML values."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.representer import RoundTripRepresenter

from components.core.dvc.graph import read_graph
from components.core.errors import BadInput
from components.core.params import Params, parse, read_yaml
from components.core.paths import repository_root
from components.core.validation import suggest


def preset_names() -> list[str]:
    return sorted(path.stem for path in (repository_root() / "presets").glob("*.yaml"))


@cache
def stage_names() -> list[str]:
    """Stages of the graph under any preset, in order: a preset's `curriculum` decides which stages there are."""
    names: dict[str, None] = {}
    for preset in preset_names():
        with tempfile.TemporaryDirectory(prefix="trivium-graph-") as scratch:
            root = Path(scratch)
            (root / ".dvc").mkdir()
            (root / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
            for name, source in (("dvc.yaml", "dvc.yaml"), ("params.yaml", f"presets/{preset}.yaml")):
                (root / name).write_bytes((repository_root() / source).read_bytes())
            names |= dict.fromkeys(read_graph(root))
    return list(names)


def read_overrides(lines: Iterable[str]) -> dict[str, Any]:
    """`name=value` lines as a mapping; empty lines and lines starting with # are skipped. Raises BadInput."""
    overrides: dict[str, Any] = {}
    for line in (line.strip() for line in lines):
        if not line or line.startswith("#"):
            continue
        name, equals, text = line.partition("=")
        if not equals or not name.strip():
            raise BadInput(f"override {line!r}: not of the form name=value, e.g. curriculum.stem.token_budget=200000")
        try:
            overrides[name.strip()] = YAML(typ="safe", pure=True).load(text)  # YAML 1.2: 1e-3 is a number
        except YAMLError:
            raise BadInput(f"override {line!r}: {text.strip()!r} is not a YAML value; quote it") from None
    return overrides


def compose(preset: str, overrides: Mapping[str, Any]) -> tuple[str, Params]:
    """The text of `params.yaml` for a run, and the same validated.

    Without overrides the text is the preset's, byte for byte; with them its comments and order stay.
    Raises BadInput naming an unknown preset, an unknown name, or every value that is out of range.
    """
    path = repository_root() / "presets" / f"{preset}.yaml"
    if preset not in preset_names():
        raise BadInput(f"preset = {preset!r}: no such file in presets; {suggest(preset, preset_names())}")
    text = path.read_text(encoding="utf-8")
    if overrides:
        editor = _editor()
        tree = editor.load(text)
        for name, value in overrides.items():
            _set(tree, name, value)
        stream = io.StringIO()
        editor.dump(tree, stream)
        text = stream.getvalue()
    else:
        read_yaml(path)
    origin = f"presets/{preset}.yaml" + (" with overrides" if overrides else "")
    return text, parse(yaml.safe_load(text), origin)


def _editor() -> YAML:
    """Keeps comments and order, and writes numbers so that every reader of YAML takes them for numbers."""

    def write_float(representer: RoundTripRepresenter, value: float) -> Any:
        text = repr(value)  # the shortest that reads back as the same number
        text = text.replace("e", ".0e", 1) if "e" in text and "." not in text else text  # YAML 1.1 wants the point
        return representer.represent_scalar("tag:yaml.org,2002:float", text)

    editor = YAML()
    editor.width = 120
    editor.representer.add_representer(float, write_float)
    return editor


def _set(tree: Any, name: str, value: Any) -> None:
    """Set a dotted name. All but its last part must exist; of the last the schema judges."""
    *parents, leaf = name.split(".")
    for depth, part in enumerate(parents, start=1):
        if not isinstance(tree, Mapping) or part not in tree:
            known = list(tree) if isinstance(tree, Mapping) else []
            remedy = suggest(part, known) if known else f"{'.'.join(parents[: depth - 1])} holds a single value"
            raise BadInput(f"override {name}={value}: {'.'.join(parents[:depth])} is not a section; {remedy}")
        tree = tree[part]
    if not isinstance(tree, dict):
        raise BadInput(f"override {name}={value}: {'.'.join(parents)} holds a single value; set {'.'.join(parents)}")
    tree[leaf] = value
