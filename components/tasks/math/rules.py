"""Typed rules of inference and the wrong rules people use in their place, read from `rules.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from components.core.params import read_yaml
from components.tasks.math.expressions import names_in

Kind = Literal["natural", "integer", "rational"]
_ORDER: tuple[Kind, ...] = ("natural", "integer", "rational")


def is_of(value: Fraction, kind: Kind) -> bool:
    return kind == "rational" or (value.denominator == 1 and (kind == "integer" or value >= 0))


def may_stand_for(kind: Kind, wanted: Kind) -> bool:
    """Whether every value of `kind` is one of `wanted`."""
    return _ORDER.index(kind) <= _ORDER.index(wanted)


@dataclass(frozen=True, kw_only=True)
class WrongRule:
    """A named wrong way to compute, and what a check that failed teaches (without numbers: those are quoted).

    For inputs where it happens to give a sound output it is not wrong.
    """

    name: str
    compute: str
    lesson: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """`out = compute(inputs)`, rechecked by the statement `check` over inputs and `out`."""

    name: str
    inputs: Mapping[str, Kind]
    output: Kind
    compute: str
    check: str
    wrong_rules: tuple[WrongRule, ...]

    def __post_init__(self) -> None:
        known = set(self.inputs)
        assert set(names_in(self.compute)) <= known, self.name
        assert "out" in names_in(self.check) and set(names_in(self.check)) <= known | {"out"}, self.name
        assert all(set(names_in(wrong.compute)) <= known for wrong in self.wrong_rules), self.name


def read_wrong_rules(wrong: Mapping[str, Mapping[str, str]]) -> tuple[WrongRule, ...]:
    """The wrong rules of an entry, by name."""
    return tuple(WrongRule(name=name, **fields) for name, fields in wrong.items())


def _read_rules() -> dict[str, Rule]:
    entries: dict[str, dict[str, Any]] = read_yaml(Path(__file__).with_name("rules.yaml"))
    return {
        name: Rule(name=name, wrong_rules=read_wrong_rules(entry.pop("wrong")), **entry)
        for name, entry in entries.items()
    }


RULES = _read_rules()
