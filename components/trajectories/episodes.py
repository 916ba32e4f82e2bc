"""Episodes as records: an oracle acts in a real environment and a record is made of what happens.

An episode is a pure function of (family, seed, split, shares). Every observation comes from an executed call and the
environment alone decides success.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from components.agent.environment import Observation, OracleStep, Split, Task, TaskFamily
from components.agent.factbook import FACTBOOK, Knowledge
from components.agent.messages import ToolCall
from components.core.seeding import named_rng
from components.corpus.documents import read_documents
from components.tasks.kit.episode import play_episode
from components.tasks.kit.registry import load_families
from components.trajectories.checks.grounding import citations_of
from components.trajectories.record import (
    Call,
    FaultFacts,
    FinalAnswer,
    Parent,
    Phase,
    Provenance,
    Record,
    RecordedObservation,
    Reference,
    Step,
    TaskFacts,
    Tool,
    Verdict,
    VerdictCheck,
)

GENERATOR_VERSION = "2"
OUR_LICENCE = "Apache-2.0"
SEEDS_PER_RUN = 1_000_000  # so that two values of params.seed share no episode


@dataclass(frozen=True, kw_only=True)
class Fork:
    """From turn `at_turn` on the oracle draws its choices from another generator."""

    at_turn: int
    rng: random.Random


@dataclass(frozen=True, kw_only=True)
class Played:
    """One finished episode. `first_steps[t]` is the index of the first step of turn t."""

    steps: tuple[Step, ...]
    first_steps: tuple[int, ...]
    success: bool

    def calls(self, first_turn: int = 0) -> list[tuple[str, str]]:
        """Name and arguments of every call from a turn on."""
        steps = self.steps[self.first_steps[first_turn] :]
        return [(call.name, str(sorted(call.args.items()))) for step in steps for call in step.calls]


class Synthesizer:
    """Families with the knowledge they need; one per process."""

    def __init__(self, families: dict[str, TaskFamily] | None = None, source_licence: str | None = None) -> None:
        self.families = families if families is not None else load_families(Knowledge.load())
        self.source_licence = source_licence or next(read_documents(FACTBOOK)).licence

    def episode(self, name: str, seed: int, wrong_branch_share: float, split: Split = "train") -> Record:
        """Let the family's oracle solve one task."""
        task = self.families[name].sample(seed, split)
        return self._record(task, self._play(task, takes_wrong_branch(seed, wrong_branch_share)), Parent())

    def episodes(
        self, name: str, seed: int, *, wrong_branch_share: float, alternate_share: float, split: Split = "train"
    ) -> list[Record]:
        """The episode and, of a share of the seeds, another right way on from one of its turns where there is one."""
        wrong_branch = takes_wrong_branch(seed, wrong_branch_share)
        task = self.families[name].sample(seed, split)
        played = self._play(task, wrong_branch)
        root = self._record(task, played, Parent())
        rng = named_rng("alternate", name, split, seed)
        if rng.random() >= alternate_share:
            return [root]
        alternate = self._alternate(root, task, played, wrong_branch, rng)
        return [root] if alternate is None else [root, alternate]

    def _alternate(
        self, root: Record, task: Task, original: Played, wrong_branch: bool, rng: random.Random
    ) -> Record | None:
        """An episode that shares turns with `root`, then makes other calls. None where the oracle knows none."""
        turns = list(range(1, len(original.first_steps) - 1))
        rng.shuffle(turns)
        for at_turn in turns:
            fork = Fork(at_turn=at_turn, rng=random.Random(rng.getrandbits(64)))
            other = self._play(task, wrong_branch, fork)
            if not other.success or other.calls(at_turn) == original.calls(at_turn):
                continue
            at_step = other.first_steps[at_turn]
            assert other.steps[:at_step] == original.steps[:at_step], "the oracle drew ahead of its turn"
            shared = tuple(step.model_copy(update={"loss": 0.0}) for step in other.steps[:at_step])
            alternate = Played(steps=shared + other.steps[at_step:], first_steps=other.first_steps, success=True)
            return self._record(task, alternate, Parent(id=root.id, at_step=at_step, kind="alternate"))
        return None

    def _play(self, task: Task, wrong_branch: bool, fork: Fork | None = None) -> Played:
        return play(self.families[task.family], task, wrong_branch, task.seed, fork)

    def _record(self, task: Task, played: Played, parent: Parent) -> Record:
        source = f"+source:{FACTBOOK.name}" if task.domain == "research" else ""
        provenance = Provenance(
            licence=licence_of(task, self.source_licence),
            source_uri=task.payload.get("source_uri", f"generator:{task.family}{source}"),
        )
        return make_record(task, played.steps, played.success, provenance, parent)


def make_record(task: Task, steps: tuple[Step, ...], success: bool, provenance: Provenance, parent: Parent) -> Record:
    """The record of a finished episode, whoever acted."""
    return Record(
        id="",
        family_id=task.id,
        parent=parent,
        domain=task.domain,
        task=TaskFacts(
            prompt=task.prompt,
            generator=task.family,
            gen_version=GENERATOR_VERSION,
            seed=task.seed,
            split=task.split,
        ),
        tools=tuple(Tool.of(spec) for spec in task.tools),
        steps=steps,
        answer=FinalAnswer(value=steps[-1].text, citations=citations_of(steps)),
        verdict=Verdict(
            outcome=task.right_end if success else "failure", checks=(VerdictCheck(name="environment", passed=success),)
        ),
        fault=fault_facts(task, steps),
        provenance=provenance,
    ).identified()


def licence_of(task: Task, source_licence: str) -> str:
    """The licence a task names where its text is others'; look-ups show the documents of `source_licence`."""
    licence: str = task.payload.get("licence", source_licence if task.domain == "research" else OUR_LICENCE)
    return licence


def fault_facts(task: Task, steps: Sequence[Step]) -> FaultFacts | None:
    """The fault of the task and the first step that met it."""
    if task.fault is None:
        return None
    met = (step.i for step in steps if any(seen.origin == "injected_fault" for seen in step.obs))
    return FaultFacts(visibility=task.fault.visibility, persistence=task.fault.persistence, step=next(met, None))


def takes_wrong_branch(seed: int, share: float) -> bool:
    """Spread evenly over the seeds, so that a family of few episodes has its share too."""
    number = seed % SEEDS_PER_RUN
    return math.floor((number + 1) * share) > math.floor(number * share)


def play(family: TaskFamily, task: Task, wrong_branch: bool, words_seed: int, fork: Fork | None = None) -> Played:
    """Run the oracle in a fresh environment, which judges. `words_seed` chooses what the task leaves open."""
    environment = family.start(task)
    rng = named_rng("words", family.name, task.split, words_seed)
    steps: list[Step] = []
    first_steps: list[int] = []
    calls = 0
    wrong_action: int | None = None
    for turn, observation in play_episode(family.oracle(task, rng, wrong_branch), environment):
        first_steps.append(len(steps))
        new = _steps_of(turn, len(steps), wrong_action)
        if turn.call is not None and observation is not None:
            calls += 1
            new[-1] = _with_call(new[-1], f"c{calls}", turn.call, observation)
        if turn.label == "wrong":
            wrong_action = new[-1].i
        steps += new
        if fork is not None and len(first_steps) == fork.at_turn:
            rng.setstate(fork.rng.getstate())
    return Played(steps=tuple(steps), first_steps=tuple(first_steps), success=environment.verify(turn.summary or ""))


def _steps_of(turn: OracleStep, first: int, wrong_action: int | None) -> list[Step]:
    """The steps of one turn in the order they are rendered; the last is its action or the summary."""
    texts: list[tuple[Phase, str]] = [("reflection", turn.reflection), ("analysis", turn.analysis), ("plan", turn.plan)]
    texts = [(phase, text) for phase, text in texts if text]
    texts.append(("action", "") if turn.call is not None else ("summary", turn.summary or ""))
    refs: tuple[Reference, ...] = ()
    if turn.label == "recovery":
        assert wrong_action is not None, "a recovery follows a wrong step"
        refs = (Reference(step=wrong_action),)
    loss = 0.0 if turn.label == "wrong" else 1.0
    return [
        Step(i=first + offset, phase=phase, text=text, label=turn.label, loss=loss, refs=refs)
        for offset, (phase, text) in enumerate(texts)
    ]


def _with_call(step: Step, call_id: str, call: ToolCall, observation: Observation) -> Step:
    made = Call(id=call_id, name=call.name, args=call.arguments)
    return step.model_copy(update={"calls": (made,), "obs": (RecordedObservation.of(call_id, observation),)})
