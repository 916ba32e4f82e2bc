"""Does a record really happen again? Its task is drawn anew from (generator, version, seed) and every call re-run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.agent.draws import named_rng
from components.agent.environment import TaskFamily
from components.trajectories.record import Record
from components.trajectories.synthesize import GENERATOR_VERSION

# Re-running costs a test run or more each; of the other families every record is replayed.
COSTLY = {"code_repair": 25}


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
    return None if success == (record.verdict.outcome == "success") else "the verdict differs on replay"


def choose_replayed(records: Sequence[Record], seed: int) -> set[str]:
    """Ids to replay: all, but of a costly family a sample that `seed` fixes."""
    chosen = {record.id for record in records if record.task.generator not in COSTLY}
    for name, size in COSTLY.items():
        ids = sorted(record.id for record in records if record.task.generator == name)
        chosen |= set(named_rng("replay", seed, name).sample(ids, min(size, len(ids))))
    return chosen
