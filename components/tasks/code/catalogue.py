"""The published packages that code tasks are made of: which, pinned how, on which terms, and what their tests cover.

All are pure Python under permissive licences, carry their own tests in the wheel and are no part of SWE-bench. A
package belongs to one split for good: nothing of a held-out one is ever trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from components.agent.environment import Split


@dataclass(frozen=True, kw_only=True)
class Suite:
    """One test file and the modules whose bugs it can find."""

    tests: str
    modules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PackageSpec:
    """One wheel. `files` are the patterns of what is kept of it, `left_out` of what is not after all."""

    name: str
    distribution: str
    version: str
    sha256: str
    licence: str
    terms: str
    licence_member: str
    split: Split
    files: tuple[str, ...]
    suites: tuple[Suite, ...]
    left_out: tuple[str, ...] = ()

    @property
    def source_uri(self) -> str:
        return f"pypi:{self.distribution}=={self.version}"


PACKAGES = TypeAdapter(tuple[PackageSpec, ...]).validate_python(
    yaml.safe_load(Path(__file__).with_name("catalogue.yaml").read_text())
)
