"""Running games of the simulators. Each simulator holds one game at a time; a session makes that invisible.

Both keep parts of a game in one place for all games of their Java machine. A game that was put aside for another is
started anew and its commands are given again: started from its number, a game always goes the same way.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any, ClassVar

from components.agent.environment import Split
from components.tasks.extra.textworlds.jvm import jvm


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a command brought: the simulator's text, and whether the game was won or is over."""

    text: str
    won: bool
    over: bool


class Session(ABC):
    """A running game with settings, by its number in the fold of a split: the train split plays the simulator's train
    fold, the held-out split its test fold. A class per simulator: the Python package it comes in, and its name in a
    registry."""

    package: ClassVar[str]
    distribution: ClassVar[str]

    def __init__(self, game: str, settings: str, number: int, split: Split) -> None:
        self._game, self._settings, self._number, self._split = game, settings, number, split
        self._given: list[str] = []
        self.first_look = self._started()
        self.task = tidy(self._asked())

    def act(self, command: str) -> Result:
        if _live.get(type(self)) is not self:
            self._started()
            for before in self._given:
                self._step(before)
        self._given.append(command)
        return self._step(command)

    def _started(self) -> str:
        """Makes this game the live one of its simulator; its first text."""
        _live[type(self)] = self
        return tidy(self._start())

    @abstractmethod
    def _start(self) -> str: ...

    @abstractmethod
    def _asked(self) -> str:
        """The task of the live game."""

    @abstractmethod
    def _step(self, command: str) -> Result: ...


_live: dict[type[Session], Session] = {}  # the game each simulator of this process is at


class ExpressSession(Session):
    """A game of TextWorldExpress (Jansen and Côté, 2022); settings like `numLocations=4`, the number is its seed."""

    package = "textworld_express"
    distribution = "textworld-express"

    def _start(self) -> str:
        fault = _express().load(self._game, self._settings)
        assert not fault, fault
        fold = "train" if self._split == "train" else "test"
        return str(json.loads(_express().generateNewGameJSON(self._number, fold, False))["observation"])

    def _asked(self) -> str:
        return str(_express().getTaskDescription())

    def _step(self, command: str) -> Result:
        after: dict[str, Any] = json.loads(_express().stepJSON(command))
        won = bool(after["tasksuccess"])
        return Result(text=tidy(after["observation"]), won=won, over=won or bool(after["taskfailure"]))


class ScienceSession(Session):
    """A task of ScienceWorld (Wang and others, 2022). `find` with `animal openDoors` is its task `find-animal`, made
    easier by open doors; the number says which variation of the fold, from the first again after the last."""

    package = distribution = "scienceworld"

    def _start(self) -> str:
        kind, _, simpler = self._settings.partition(" ")
        task, simulator = f"{self._game}-{kind}", _science()
        simulator.load(
            task, _variations(task, self._split)[self._number % len(_variations(task, self._split))], simpler, False
        )
        return _in_order(str(simulator.step("look around")))

    def _asked(self) -> str:
        return str(_science().getTaskDescription())

    def _step(self, command: str) -> Result:
        text = tidy(_in_order(str(_science().step(command))))
        score = float(_science().getScore())  # 1 for all that is asked, below 0 for a wrong focus
        return Result(text=text, won=score >= 1, over=score >= 1 or score < 0)


def _in_order(text: str) -> str:
    """The same text with every list of things sorted: ScienceWorld names things of one name in an order that changes
    from one start of a game to the next."""
    parts = (sorted(part) if listed else list(part) for listed, part in groupby(text.splitlines(), _is_thing))
    return "\n".join(line for part in parts for line in part)


def _is_thing(line: str) -> bool:
    return line.startswith("\t")


@cache
def _express() -> Any:
    from textworld_express.constants import JAR_PATH

    return jvm(JAR_PATH).textworldexpress.runtime.PythonInterface()


@cache
def _science() -> Any:
    from scienceworld.constants import JAR_PATH

    return jvm(JAR_PATH).scienceworld.runtime.pythonapi.PythonInterface()


@cache
def _variations(task: str, split: Split) -> tuple[int, ...]:
    """The variations of a fold; the simulator tells those of the task it holds."""
    simulator = _science()
    simulator.load(task, 0, "", False)
    return tuple(simulator.getVariationsTrain() if split == "train" else simulator.getVariationsTest())


def tidy(text: str) -> str:
    """The same text without space at the ends of lines and without empty lines."""
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
