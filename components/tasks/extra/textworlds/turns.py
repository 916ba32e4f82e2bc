"""What the players of all games share: a turn that gives a command, and a mistake that the simulator refuses.

A player knows the task and the texts it saw, never the simulator's own solution, so no plan can know what was not seen.
"""

from __future__ import annotations

from collections.abc import Callable

from components.agent.environment import Observation
from components.tasks.extra.textworlds.world import act_call
from components.tasks.kit.oracle import Mistake, Turn

REFUSALS = ("Unknown action", "You can't move there")


class Stuck(Exception):
    """The player sees no way on, or cannot read a text; such a game is not asked."""


def act(text: str, plan: str, command: str, *mistakes: Mistake) -> Turn:
    """A turn that gives `command` to the game."""
    return Turn(text=text, plan=plan, call=act_call(command), mistakes=mistakes)


def refusal(name: str, command: str, plan: str, lesson: str, *shows: str) -> Mistake:
    """A command that changes nothing: its observation holds one of `shows`, by default a refusal of TextWorldExpress.

    `lesson` is the text of the recovery.
    """
    return Mistake(
        name=name, call=act_call(command), plan=plan, shows=holds(*(shows or REFUSALS)), lesson=lambda seen: lesson
    )


def holds(*texts: str) -> Callable[[Observation], bool]:
    """Whether an observation holds one of `texts`."""
    return lambda seen: any(text in seen.content for text in texts)
