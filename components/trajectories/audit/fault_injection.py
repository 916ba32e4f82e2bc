"""Fault injection: records as trees of plain JSON, and ways to change one that keep all the rest in order."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.agent.environment import TaskFamily
from components.trajectories.record import Record, content_sha

Tree = dict[str, Any]
# Puts a fault into the tree, in place. False: this record has no place for it.
Injection = Callable[[Tree, random.Random, "SoundRecords"], bool]


@dataclass(frozen=True, kw_only=True)
class SoundRecords:
    """Sound records and the families that made them."""

    records: Sequence[Record]
    families: Mapping[str, TaskFamily]


def tree_of(record: Record) -> Tree:
    return record.model_dump(mode="json")


def record_of(tree: Tree) -> Record:
    """The record of a tree, with the numbers and hashes of its parts computed: a check must find the fault itself."""
    tree = copy.deepcopy(tree)
    for number, step in enumerate(tree["steps"]):
        step["i"] = number
        for seen in step["obs"]:
            seen["sha"] = content_sha(seen["content"])
    return Record.model_validate(tree).identified()


def of_phase(tree: Tree, *phases: str) -> list[Tree]:
    return [step for step in tree["steps"] if step["phase"] in phases]


def actions(tree: Tree) -> list[Tree]:
    return of_phase(tree, "action")


def set_answer(tree: Tree, text: str) -> None:
    tree["steps"][-1]["text"] = tree["answer"]["value"] = text


def insert_turns(tree: Tree, at: int, turns: Sequence[Sequence[Tree]]) -> None:
    """Put whole turns before step `at`; calls get ids of their own and references move along."""
    added = [copy.deepcopy(step) for turn in turns for step in turn]
    for number, step in enumerate(added):
        for call, seen in zip(step["calls"], step["obs"], strict=True):
            call["id"] = seen["call_id"] = f"x{number}"
    for step in tree["steps"]:
        for reference in step["refs"]:
            if reference["step"] >= at:
                reference["step"] += len(added)
    tree["steps"][at:at] = added


def turn_before(tree: Tree, action: Tree) -> list[Tree]:
    """The steps of the turn that ends with `action`."""
    end = tree["steps"].index(action)
    start = end
    while start > 0 and tree["steps"][start - 1]["phase"] != "action":
        start -= 1
    return list(tree["steps"][start : end + 1])


def after(tree: Tree, action: Tree) -> Tree:
    """The step that follows an action."""
    step: Tree = tree["steps"][tree["steps"].index(action) + 1]
    return step
