"""docs/gallery.md: every family with one episode.

The episodes are functions of the families, a fixed seed and the starter corpus: the same tree gives the same page.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from components.tasks.show import Listed, episode_text, list_families, starter_knowledge

GALLERY = Path("docs/gallery.md")
SEED = 7
_HEAD = """# Gallery of task families

Every family of `components.tasks` with one episode of its oracle that makes a mistake and recovers. The page is
generated: `python -m components.tasks gallery` writes it. `python -m components.tasks play FAMILY --seed N` prints
another episode. The terms are explained in [glossary.md](glossary.md).
"""


def build_gallery(kept: Mapping[str, str] | None = None) -> str:
    """The page, grouped by stream. Families that this machine lacks are named with their remedy.

    A family whose section is in `kept` is not played again.
    """
    rows = list_families(starter_knowledge())
    known = kept or {}
    parts = [_HEAD]
    for stream, group in groupby((row for row in rows if row.family), key=lambda row: row.stream):
        parts += [f"## {stream}\n", *(known.get(row.name) or section(row) for row in group)]
    absent = [row for row in rows if not row.family]
    if absent:
        parts.append("## Not on the machine that wrote this page\n")
        parts.append("".join(f"- `{row.name}` (`{row.module}`): {row.remedy}\n" for row in absent))
    return "\n".join(parts)


def section(row: Listed) -> str:
    """The part of one family that is available: its name, its module and an episode."""
    assert row.family is not None
    episode = episode_text(row.family, SEED, "train", wrong_branch=True)
    return f"### {row.name}\n\n`{row.module}`\n\n{textwrap.indent(episode, '    ')}"


def read_sections(page: str) -> dict[str, str]:
    """The sections of a page by family."""
    parts = re.split(r"^(?=##+ )", page, flags=re.MULTILINE)
    return {part.split()[1]: part.rstrip("\n") + "\n" for part in parts if part.startswith("### ")}
