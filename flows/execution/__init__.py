"""The execution seam: one interface, "run this stage there", and one module for every kind of place.

`get_executor(profile)` gives the executor a profile of `infra/profiles/` asks for.
"""

from __future__ import annotations

from flows.execution.base import Executor, Outcome, StageRequest, StageResult
from flows.execution.profile import Profile, executor_class, load_profile

__all__ = ["Executor", "Outcome", "Profile", "StageRequest", "StageResult", "get_executor", "load_profile"]


def get_executor(profile: Profile) -> Executor:
    """The executor that `profile.executor` names, set up with the profile."""
    return executor_class(profile.executor)(profile)
