"""The base of task families: whoever derives from it says how a task is made, judged and played."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod

from components.agent.environment import Environment, Oracle, Split, Task
from components.core.params import Stream
from components.tasks.kit.oracle import Choice, Player, play


class Family(ABC):
    """A kind of task. `name` is the key in `params.trajectories.families`, `domain` the stream of its trajectories."""

    name: str
    domain: Stream

    @abstractmethod
    def sample(self, seed: int, split: Split) -> Task:
        """The task of this seed. What is asked in one split is never asked in the other."""

    @abstractmethod
    def start(self, task: Task) -> Environment:
        """A fresh environment for the task."""

    @abstractmethod
    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        """Solve the task turn by turn. With `wrong_branch` and no `choice` of its own it makes one mistake itself."""

    def choice(self, rng: random.Random) -> Choice | None:
        """Which of the mistakes that turns list is made on a wrong branch; None where the player makes its own."""
        return None

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        return play(self.player(task, rng, wrong_branch), self.choice(rng) if wrong_branch else None)
