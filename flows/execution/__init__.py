"""The execution seam: one interface, "run this stage there", and one module for every kind of place.

`get_executor(profile)` gives the executor a profile of `infra/profiles/` asks for.
"""

from __future__ import annotations

from flows.execution.base import Executor, StageRequest, StageResult, StageStatus
from flows.execution.local import LocalExecutor
from flows.execution.profile import KubernetesProfile, Profile, load_profile

__all__ = ["Executor", "Profile", "StageRequest", "StageResult", "StageStatus", "get_executor", "load_profile"]


def get_executor(profile: Profile) -> Executor:
    """The executor of the profile's kind, set up with the profile."""
    if isinstance(profile, KubernetesProfile):
        from flows.execution.kubernetes import KubernetesExecutor  # its client takes a second to import

        return KubernetesExecutor(profile)
    return LocalExecutor(profile)
