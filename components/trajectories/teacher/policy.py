"""The teacher as policy: it acts in our environments, and what it did counts only if they say so.

An episode becomes a record if the environment accepts its answer, it reads as five phases, and the record passes
every check and replays. A turn whose call the environment refused is labelled wrong and weighs nothing where a call
that went through followed; where none did the episode is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.agent.endpoint import EndpointError, chat_messages, reply_text
from components.agent.environment import Task, TaskFamily
from components.agent.episode_loop import Episode, Rollout, Turn
from components.agent.turns import parse_turn
from components.core.params import TeacherSettings
from components.core.special_tokens import END_OF_TEXT
from components.trajectories.checks.record import RECORD_CHECKS
from components.trajectories.checks.replay import replay
from components.trajectories.episodes import OUR_LICENCE, licence_of, make_record
from components.trajectories.record import (
    Call,
    Parent,
    Phase,
    Provenance,
    Record,
    RecordedObservation,
    Reference,
    Step,
)
from components.trajectories.teacher.client import BudgetExceeded
from components.trajectories.teacher.ledger import LedgerEntry
from components.trajectories.teacher.verbalise import joint_licence
from components.trajectories.teacher.work import Piece, TeacherQuestion, Work

MAX_TURNS = 12
_INSTRUCTIONS = """Solve the task with the tools. Write each turn as
<think><analysis>what is asked<plan>what to do</think> and a tool call, in the first turn;
<think><reflection>what the result says<plan>what to do next</think> and a tool call, in later turns;
<think><reflection>what the result says</think> and the answer, in the last turn.
State no number, name or path that the task or a result has not shown. Never answer before a tool has confirmed it."""


def act(
    task: Task,
    families: Mapping[str, TaskFamily],
    settings: TeacherSettings,
    work: Work,
    *,
    source_licence: str = OUR_LICENCE,
) -> Piece[tuple[Record | None, LedgerEntry]]:
    """The record of an episode the teacher solved, or None, and the ledger's line."""
    tools = [tool.to_openai() for tool in task.tools]
    rollout = Rollout.begin(task, families[task.family].start(task), max_turns=MAX_TURNS)
    while rollout.end is None:
        messages = [{"role": "system", "content": _INSTRUCTIONS}, *chat_messages(rollout.conversation)]
        try:
            answer = yield TeacherQuestion(messages, tools)
            text = "" if answer.refusal else reply_text(answer.reply, "teacher")
        except BudgetExceeded:
            return None, work.entry(task.id, "unfunded")
        except EndpointError as error:  # an answer of a shape that is no turn
            return None, work.entry(task.id, "rejected", f"form: {error}")
        if answer.refusal:
            return None, work.entry(task.id, "refused", answer.refusal)
        rollout.step(text)
    episode = rollout.episode()
    if not episode.success:
        return None, work.entry(task.id, "rejected", f"verdict: {episode.end}, not solved")
    steps, fault = read_steps(episode)
    if fault:
        return None, work.entry(task.id, "rejected", fault)
    record = _record(task, steps, settings, work, source_licence)
    checked = ((name, check(record)) for name, check in RECORD_CHECKS.items())
    faults = [f"{name}: {found}" for name, found in checked if found]
    difference = replay(record, families) if not faults else None
    if difference:
        faults.append(f"replay: {difference}")
    if faults:
        return None, work.entry(task.id, "rejected", "; ".join(faults))
    return record, work.entry(record.id, "accepted")


def read_steps(episode: Episode) -> tuple[tuple[Step, ...], str]:
    """The episode as labelled steps, or what keeps it from being a record."""
    steps: list[Step] = []
    open_errors: list[int] = []
    for number, turn in enumerate(episode.transcript):
        phases, fault = _phases(turn, first=number == 0)
        if fault:
            return (), f"phases: turn {number}: {fault}"
        failed = _is_refused(turn)
        repairs = bool(open_errors) and not failed and bool(turn.calls)
        label = "wrong" if failed else "recovery" if repairs else "good"
        refs = tuple(Reference(step=index) for index in open_errors) if repairs else ()
        for phase, text in phases:
            steps.append(
                Step(
                    i=len(steps),
                    phase=phase,
                    text=text,
                    label=label,
                    loss=0.0 if failed else 1.0,
                    label_source="verifier",
                    refs=refs,
                )
            )
        if turn.calls:
            steps[-1] = steps[-1].model_copy(update=_executed(turn, sum(len(step.calls) for step in steps)))
        if failed:
            open_errors.append(len(steps) - 1)
        elif repairs:
            open_errors = []
    return tuple(steps), "recovery: a refused call that nothing repaired" if open_errors else ""


def _phases(turn: Turn, *, first: bool) -> tuple[list[tuple[Phase, str]], str]:
    """Phase and text of each step of a turn, in the order they are rendered, or what is wrong with them."""
    if turn.error is not None:
        return [], turn.error
    parsed = parse_turn(turn.text.removesuffix(END_OF_TEXT))
    if first and (parsed.reflection or not parsed.analysis):
        return [], "the first turn needs an analysis and has nothing to reflect on"
    if not first and parsed.analysis and parsed.reflection:
        return [], "an analysis after the first turn"
    if turn.calls and parsed.summary:
        return [], "visible text beside a call"
    # Before its first marker a thought counts as analysis; after an observation it reflects on it.
    reflection = parsed.reflection if first else parsed.reflection or parsed.analysis
    if parsed.plan and not first and not reflection:
        return [], "a plan without a reflection"
    if parsed.plan and not turn.calls:
        return [], "a plan beside the answer"
    texts: list[tuple[Phase, str]] = [("reflection", reflection), ("plan", parsed.plan)]
    if first:
        texts = [("analysis", parsed.analysis), ("plan", parsed.plan)]
    last: tuple[Phase, str] = ("action", "") if turn.calls else ("summary", parsed.summary)
    return [*((phase, " ".join(text.split())) for phase, text in texts if text), last], ""


def _is_refused(turn: Turn) -> bool:
    """Whether a call met an error that is its own, not one the task had put there."""
    return any(seen.status != "ok" and seen.origin == "executed" for seen in turn.observations)


def _executed(turn: Turn, before: int) -> dict[str, Any]:
    ids = [f"c{before + number}" for number in range(1, len(turn.calls) + 1)]
    return {
        "calls": tuple(
            Call(id=name, name=call.name, args=call.arguments) for name, call in zip(ids, turn.calls, strict=True)
        ),
        "obs": tuple(
            RecordedObservation.of(name, observation) for name, observation in zip(ids, turn.observations, strict=True)
        ),
    }


def _record(task: Task, steps: tuple[Step, ...], settings: TeacherSettings, work: Work, source_licence: str) -> Record:
    provenance = Provenance(
        teacher=settings.name,
        cache_key=work.cache_key,
        cost_usd=work.cost_usd,
        licence=joint_licence(licence_of(task, source_licence), settings.licence),
        source_uri=f"generator:{task.family}+teacher",
    )
    return make_record(task, steps, True, provenance, Parent())
