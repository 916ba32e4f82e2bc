"""Replay of a record: its task is drawn anew from (generator, version, seed) and every call is run again."""

from __future__ import annotations

from collections.abc import Mapping

from components.agent.environment import TaskFamily
from components.trajectories.episodes import GENERATOR_VERSION
from components.trajectories.record import Record


def replay(record: Record, families: Mapping[str, TaskFamily]) -> str | None:
    """What differs when the record is rebuilt and run again, in one line, or None."""
    facts = record.task
    family = families.get(facts.generator)
    if family is None:
        return f"no generator {facts.generator!r}"
    if facts.gen_version != GENERATOR_VERSION:
        return f"generator version {facts.gen_version}, this is {GENERATOR_VERSION}"
    task = family.sample(facts.seed, facts.split)
    if (task.prompt, task.tools) != (facts.prompt, record.specs()):
        return "the task drawn from its seed differs"
    environment = family.start(task)
    for step in record.steps:
        for call, seen in zip(step.calls, step.obs, strict=False):
            again = environment.execute(call.to_call())
            if again != seen.observation():
                return f"step {step.i}: observed {seen.content[:60]!r}, on replay {again.content[:60]!r}"
    success = environment.verify(record.answer.value)
    return None if success == (record.verdict.outcome != "failure") else "the verdict differs on replay"
