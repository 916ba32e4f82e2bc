"""A dataset as a task family: its items are drawn, our derivation solves them, the dataset scores the answer.

An answer counts where the dataset gives it the full score and what was executed establishes it: the derivation's own
environment is asked whether it would take the right result by now.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from components.agent.environment import Environment, Observation, Split, Task, make_task
from components.agent.messages import ToolCall, ToolSpec
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.extra.gym.items import Item, Source
from components.tasks.kit.family import Family
from components.tasks.kit.oracle import Player
from components.tasks.kit.splits import split_of

_INDICES = {"train": range(2**30), "heldout": range(2**30, 2**31)}
_MARK = "Answer:"
# How the answer is asked for, and how the player then gives it.
_CLOSINGS = (
    ("Reply with the answer alone.", "{}"),
    ("In the end write the answer alone.", "{}"),
    (f"Reply in the end like this: {_MARK} RESULT", f"{_MARK} {{}}"),
)


class Lesson(Protocol):
    """An item worked out: a way to its answer that can be executed."""

    @property
    def tools(self) -> tuple[ToolSpec, ...]: ...

    @property
    def result(self) -> str:
        """What we found, as the dataset wants it written."""
        ...

    @property
    def established(self) -> str:
        """The same as `start()`'s environment reads it."""
        ...

    @property
    def has_wrong_step(self) -> bool:
        """Whether there is a wrong step whose check fails."""
        ...

    def start(self) -> Environment: ...

    def player(self, rng: random.Random, wrong_branch: bool) -> Player: ...


@dataclass
class GymEnvironment:
    """The lesson's environment runs the calls; the dataset scores what comes of them."""

    inner: Environment
    source: Source
    item: Item
    established: str

    def execute(self, call: ToolCall) -> Observation:
        return self.inner.execute(call)

    def verify(self, answer: str) -> bool:
        return self.source.score(result_of(answer), self.item) == 1.0 and self.inner.verify(self.established)


@dataclass(frozen=True, kw_only=True)
class GymFamily(Family):
    """Items of one dataset. `derive` gives None for an item that takes too few steps to be worth them."""

    name: str
    source: Source
    derive: Callable[[Item], Lesson | None]
    domain: Stream

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        while True:
            index = rng.choice(_INDICES[split])
            item = self.source.item(index)
            # The split of a question is its own for good, in whatever order it names its numbers and words.
            if split_of(self.name, *sorted(item.question.split())) != split:
                continue
            lesson = self.derive(item)
            if lesson is None or not lesson.has_wrong_step:
                continue
            assert self.source.score(lesson.result, item) == 1.0, (item.question, lesson.result)
            break
        closing, form = rng.choice(_CLOSINGS)
        payload = {"index": index, "form": form, "licence": "Apache-2.0", "source_uri": "package:reasoning-gym"}
        prompt = f"{item.question}\n{closing}"
        return make_task(self, seed, split, prompt=prompt, tools=lesson.tools, payload=payload)

    def lesson(self, item: Item) -> Lesson:
        lesson = self.derive(item)
        assert lesson is not None, "the item of a task has a derivation"
        return lesson

    def start(self, task: Task) -> GymEnvironment:
        item = self.source.item(task.payload["index"])
        lesson = self.lesson(item)
        return GymEnvironment(inner=lesson.start(), source=self.source, item=item, established=lesson.established)

    def player(self, task: Task, rng: random.Random, wrong_branch: bool) -> Player:
        lesson = self.lesson(self.source.item(task.payload["index"]))
        answer = yield from lesson.player(rng, wrong_branch)
        return replace(answer, summary=task.payload["form"].format(lesson.result))


def result_of(answer: str) -> str:
    """What stands after the last `Answer:`, or all of it."""
    return answer.rpartition(_MARK)[2].strip()
