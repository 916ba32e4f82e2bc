"""What an oracle does with a task, step by step, and records with one step changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components.agent.environment import Observation, OracleStep, Task, TaskFamily
from components.core.seeding import named_rng
from components.trajectories.record import Record


def oracle_steps(family: TaskFamily, task: Task, wrong_branch: bool) -> Iterator[tuple[OracleStep, Observation | None]]:
    """Each step of the oracle with what it brought; asserts that the answer is right."""
    environment = family.start(task)
    oracle = family.oracle(task, named_rng("test", task.id, wrong_branch), wrong_branch)
    step = next(oracle)
    while step.call is not None:
        seen = environment.execute(step.call)
        yield step, seen
        step = oracle.send(seen)
    yield step, None
    assert step.summary is not None and environment.verify(step.summary), (task.prompt, step.summary)


def edited_step(record: Record, index: int, **change: Any) -> Record:
    """The record with one step changed, under a new id."""
    tree = record.model_dump(mode="json")
    tree["steps"][index].update(change)
    return Record.model_validate(tree).identified()
