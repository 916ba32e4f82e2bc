"""Everything that can be known before long work starts is checked here, in seconds."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from components.core.dvc.survey import StageWork
from components.core.errors import BadInput
from components.core.paths import home
from components.core.validation import suggest
from flows.execution import Profile
from flows.forms import RELEASE


def check_disk(profile: Profile) -> None:
    """Raises BadInput if less is free than the profile asks."""
    free_gb = shutil.disk_usage(home()).free / 1e9
    if free_gb < profile.min_free_disk_gb:
        raise BadInput(
            f"{home()}: {free_gb:.1f} GB free, but min_free_disk_gb = {profile.min_free_disk_gb:g}; free some "
            "(`dvc gc --workspace` drops old results) or lower it in the profile"
        )


def choose_stages(work: Mapping[str, StageWork], until: str) -> list[str]:
    """`until` and everything it needs, in order; the whole graph for the release. Raises BadInput for no stage."""
    if until not in work:
        raise BadInput(f"until = {until!r}: no stage of this preset's graph; {suggest(until, list(work))}")
    if until == RELEASE:
        return list(work)
    wanted = {until}
    for name in reversed(list(work)):
        if name in wanted:
            wanted.update(work[name].node.upstream)
    return [name for name in work if name in wanted]
