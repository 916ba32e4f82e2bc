"""Faults of a tool: visible or not, passing or lasting; and ids whose form has changed.

| form | visibility | persistence | what a write does | what is right |
|---|---|---|---|---|
| error | explicit | transient | fails once or twice, then works | try again |
| error | explicit | permanent | always fails | stop after a few attempts and say so |
| no_op | implicit | transient | is accepted once and changes nothing | read back, write again |
| no_op | implicit | permanent | is always accepted and changes nothing | read back, then say that it failed |
| drift | explicit | permanent | refuses ids in the form other tools give them | write ids as the error says |
| none | | | is accepted and works | read back, then say that it is done |
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from components.agent.environment import TaskFault

Form = Literal["error", "no_op", "drift", "none"]
Visibility = Literal["explicit", "implicit"]
Persistence = Literal["transient", "permanent"]

FINAL = ("switched off for good", "withdrawn and will not come back")
PASSING = ("service unavailable", "busy, no answer in time", "the connection was reset")
CLASSES: tuple[tuple[Form, Visibility, Persistence], ...] = (
    ("error", "explicit", "transient"),
    ("error", "explicit", "permanent"),
    ("no_op", "implicit", "transient"),
    ("no_op", "implicit", "permanent"),
    ("drift", "explicit", "permanent"),
    ("none", "implicit", "transient"),
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with `tool`. A transient fault strikes `strikes` times; `text` is that of an error."""

    tool: str
    form: Form
    visibility: Visibility
    persistence: Persistence
    strikes: int = 0
    text: str = ""

    def strikes_after(self, struck: int) -> bool:
        """Whether the fault strikes once more after having struck so many times."""
        if self.form == "none":
            return False
        return self.persistence == "permanent" or struck < self.strikes

    @property
    def can_be_overcome(self) -> bool:
        return self.form in ("drift", "none") or self.persistence == "transient"


def task_fault(fault: Fault | None) -> TaskFault | None:
    """What the record of an episode says of it."""
    if fault is None or fault.form == "none":
        return None
    return TaskFault(visibility=fault.visibility, persistence=fault.persistence)


def draw_fault(rng: random.Random, tool: str) -> Fault:
    """Classes equally often. An error that lasts says so in half of the cases; in the other it looks like a passing
    one, so that only trying again tells."""
    form, visibility, persistence = rng.choice(CLASSES)
    strikes, text = 0, ""
    if form == "error":
        final = persistence == "permanent" and rng.random() < 0.5
        text = rng.choice(FINAL if final else PASSING)
        strikes = rng.randint(1, 2) if persistence == "transient" else 0
    elif form == "no_op" and persistence == "transient":
        strikes = 1
    return Fault(tool=tool, form=form, visibility=visibility, persistence=persistence, strikes=strikes, text=text)


def dashed(key: str) -> str:
    """The new form of an id: B123 becomes B-123."""
    letters = key.rstrip("0123456789")
    return f"{letters}-{key[len(letters) :]}"
