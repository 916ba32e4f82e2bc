"""The teacher as verbaliser: other words for the prose of a verified record, under a fact lock.

Calls, observations and everything that is not prose stay as they are. A rewriting counts only if each text keeps its
facts (`fact_lock.py`), the record passes every check, and its task, drawn and run anew, accepts the new summary. One
answer may be repaired with what was found wrong in it; then the original stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from components.agent.environment import TaskFamily
from components.core.params import TeacherSettings
from components.trajectories.checks.grounding import citations_of
from components.trajectories.checks.record import RECORD_CHECKS
from components.trajectories.checks.replay import replay
from components.trajectories.record import Record
from components.trajectories.teacher.client import BudgetExceeded, content
from components.trajectories.teacher.fact_lock import changed_facts, data_words
from components.trajectories.teacher.ledger import LedgerEntry
from components.trajectories.teacher.work import Piece, TeacherQuestion, Work

_INSTRUCTIONS = """You reword the notes of somebody at work. You get a JSON object with the task and the steps: notes \
to reword (under "reword") and, for context, calls and what they returned.
Answer with one JSON object and nothing else: {"texts": {"<step number>": "<new words>"}} with every step of "reword".
Keep every number, expression, identifier, path, name, quotation and data word exactly as it is written, each once \
and in the same order. Keep negations, comparisons and verdicts. Add no fact, leave none out. Keep the length. Vary \
wording and the build of sentences."""


def verbalise(
    record: Record, families: Mapping[str, TaskFamily], settings: TeacherSettings, work: Work
) -> Piece[tuple[Record, LedgerEntry]]:
    """The record in other words, or as it was, and the ledger's line."""
    messages = [{"role": "system", "content": _INSTRUCTIONS}, {"role": "user", "content": _request(record)}]
    faults = ""
    for attempt in range(2):
        try:
            answer = yield TeacherQuestion(messages)
        except BudgetExceeded:
            return record, work.entry(record.id, "unfunded", faults)
        text, useless = content(answer)
        if answer.refusal:
            return record, work.entry(record.id, "refused", useless)
        texts, faults = ({}, useless) if useless else read_texts(text, record)
        if not faults:
            if all(step.text == texts.get(step.i, step.text) for step in record.steps):
                return record, work.entry(record.id, "unchanged")
            rewritten = reword(record, texts, settings, work)
            faults = find_rewrite_faults(record, rewritten, families)
            if not faults:
                return rewritten, work.entry(rewritten.id, "accepted", repaired=attempt == 1)
        messages = [
            *messages,
            {"role": "assistant", "content": text},
            {"role": "user", "content": f"This was refused: {faults}. Answer with the whole JSON object again."},
        ]
    return record, work.entry(record.id, "rejected", faults)


def may_be_reworded(record: Record, parents: frozenset[str]) -> bool:
    """Branches share a prefix byte by byte, so neither they nor their parents change; nor does a teacher's record."""
    return record.parent.kind == "root" and record.id not in parents and record.provenance.teacher is None


def read_texts(text: str, record: Record) -> tuple[dict[int, str], str]:
    """The new texts by step, and what is wrong with the answer's form (empty: nothing)."""
    start, end = text.find("{"), text.rfind("}")
    try:
        value = json.loads(text[start : end + 1], strict=False)
    except (ValueError, RecursionError):
        return {}, "form: the answer is no JSON object"
    texts = value.get("texts") if isinstance(value, dict) else None
    wanted = {str(step.i) for step in record.steps if _is_reworded(step.phase, step.loss)}
    if not isinstance(texts, dict) or set(texts) != wanted or not all(isinstance(new, str) for new in texts.values()):
        return {}, f"form: texts must have exactly the steps {', '.join(sorted(wanted, key=int))}, as text"
    return {int(number): " ".join(new.split()) for number, new in texts.items()}, ""


def reword(record: Record, texts: Mapping[int, str], settings: TeacherSettings, work: Work) -> Record:
    """The record with new texts, its teacher and what the teacher cost."""
    steps = tuple(step.model_copy(update={"text": texts.get(step.i, step.text)}) for step in record.steps)
    answer = record.answer.model_copy(update={"value": steps[-1].text, "citations": citations_of(steps)})
    provenance = record.provenance.model_copy(
        update={
            "teacher": settings.name,
            "cache_key": work.cache_key,
            "cost_usd": work.cost_usd,
            "licence": joint_licence(record.provenance.licence, settings.licence),
        }
    )
    return record.model_copy(update={"steps": steps, "answer": answer, "provenance": provenance}).identified()


def find_rewrite_faults(original: Record, rewritten: Record, families: Mapping[str, TaskFamily]) -> str:
    """All that speaks against a rewriting: changed facts, checks of the record, the environment. Empty: nothing."""
    data, context = data_words(original), _request(original)
    locked = (
        (step.i, changed_facts(step.text, new.text, data, context))
        for step, new in zip(original.steps, rewritten.steps, strict=True)
        if step.text != new.text
    )
    found = [f"facts: step {number}: {fault}" for number, fault in locked if fault]
    if found:
        return "; ".join(found)
    checked = ((name, check(rewritten)) for name, check in RECORD_CHECKS.items())
    found = [f"{name}: {fault}" for name, fault in checked if fault]
    if found:
        return "; ".join(found)
    difference = replay(rewritten, families)
    return f"replay: {difference}" if difference else ""


def joint_licence(one: str, other: str) -> str:
    """Both terms hold."""
    return one if other in one.split(" AND ") else f"{one} AND {other}"


def _is_reworded(phase: str, loss: float) -> bool:
    """Prose that is trained; a wrong step stays as it was."""
    return phase != "action" and loss > 0


def _request(record: Record) -> str:
    steps: list[dict[str, Any]] = []
    for step in record.steps:
        if step.phase == "action":
            steps.append(
                {
                    "step": step.i,
                    "calls": [{"name": call.name, "arguments": call.args} for call in step.calls],
                    "returned": [seen.observation().render() for seen in step.obs],
                }
            )
        else:
            name = "reword" if _is_reworded(step.phase, step.loss) else "note"
            steps.append({"step": step.i, "phase": step.phase, name: step.text})
    return json.dumps({"task": record.task.prompt, "steps": steps}, ensure_ascii=False)
