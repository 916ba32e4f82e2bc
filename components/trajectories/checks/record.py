"""The invariants of a trajectory, each a function of one record: what is wrong in one line, or None.

`RECORD_CHECKS` names them all; the stage's table has a column for each. They know the record and the tools it lists,
nothing of the generator that made it; `replay.py` asks the environments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from components.agent.environment import call_fault
from components.trajectories.checks.grounding import (
    check_citations,
    check_contradictions,
    check_hindsight,
    check_reflections,
    check_secrets,
    check_traces,
    check_units,
    check_voice,
)
from components.trajectories.record import Record, content_sha

_LETTERS = {"analysis": "A", "plan": "P", "action": "X", "reflection": "R", "summary": "S"}
# Analysis, Plan? and an Action; then Actions with a Reflection (and a revised Plan only after one); then the Summary.
_GRAMMAR = re.compile(r"AP?X(?:(?:RP?)?X)*R?S")
_LEAK = re.compile(
    r"\.git\b|\bgit (?:log|show|diff|blame)\b|\banswer key\b"
    r"|\b(?:gold|oracle|hidden)[_ ](?:answer|patch|path|tests?)\b",
    re.IGNORECASE,
)

RecordCheck = Callable[[Record], str | None]


def check_content_id(record: Record) -> str | None:
    """The id is the hash of the content."""
    return None if record.id == record.content_id() else "id is not the hash of the content"


def check_phase_grammar(record: Record) -> str | None:
    word = "".join(_LETTERS[step.phase] for step in record.steps)
    if not _GRAMMAR.fullmatch(word):
        return f"phases {word} do not follow A P? X ((R P?)? X)* R? S"
    if [step.i for step in record.steps] != list(range(len(record.steps))):
        return "steps are not numbered from 0"
    empty = next((step for step in record.steps if step.phase != "action" and not step.text.strip()), None)
    return f"step {empty.i}: {empty.phase} says nothing" if empty else None


def check_terminal_step(record: Record) -> str | None:
    """Exactly one summary, at the end, and it is the answer."""
    ends = [step.i for step in record.steps if step.phase == "summary"]
    if len(ends) != 1 or not record.steps or record.steps[-1].phase != "summary":
        return f"{len(ends)} summaries, not one at the end"
    return None if record.steps[-1].text == record.answer.value else "the summary is not the answer"


def check_observations(record: Record) -> str | None:
    """Every call has one observation, in its own step, with the hash of its content; call ids are unique."""
    ids = [call.id for step in record.steps for call in step.calls]
    if len(set(ids)) < len(ids):
        return "a call id stands twice"
    for step in record.steps:
        if bool(step.calls) != (step.phase == "action"):
            return f"step {step.i}: {step.phase} with {len(step.calls)} calls"
        if [seen.call_id for seen in step.obs] != [call.id for call in step.calls]:
            return f"step {step.i}: calls and observations do not match one to one"
        if any(seen.sha != content_sha(seen.content) for seen in step.obs):
            return f"step {step.i}: an observation differs from its hash"
    return None


def check_arguments(record: Record) -> str | None:
    """A call names a listed tool and its arguments fit that tool's schema, unless the observation says they do not."""
    specs = record.specs()
    for tool, spec in zip(record.tools, specs, strict=True):
        if tool != tool.of(spec):
            return f"tool {tool.name}: the schema differs from its hash"
    for step in record.steps:
        for call in step.calls:
            fault = call_fault(call.to_call(), specs)
            if fault:
                return f"step {step.i}: {fault}"
    return None


def check_wrong_steps(record: Record) -> str | None:
    """A wrong step has weight 0 and so has what an alternate shares with its parent, every other one more; a recovery
    follows each wrong action and points at it."""
    shared = record.parent.at_step or 0
    for step in record.steps:
        if (step.loss == 0) != (step.label == "wrong" or step.i < shared):
            return f"step {step.i}: {step.label} with loss weight {step.loss:g}"
        for reference in step.refs:
            if not (0 <= reference.step < step.i and record.steps[reference.step].label == "wrong"):
                return f"step {step.i}: repairs step {reference.step}, which is not a wrong step before it"
        if step.label == "recovery" and not step.refs:
            return f"step {step.i}: a recovery that names no error"
    repaired = {reference.step for step in record.steps if step.label == "recovery" for reference in step.refs}
    left = [step.i for step in record.steps if step.label == "wrong" and step.phase in ("action", "summary")]
    unrepaired = [number for number in left if number not in repaired]
    if unrepaired:
        return f"step {unrepaired[0]}: wrong, and no recovery follows"
    mixed = next((turn for turn in record.turns() if len({step.label for step in turn}) > 1), None)
    return f"step {mixed[0].i}: one turn, several labels" if mixed else None


def check_verdict(record: Record) -> str | None:
    """Success exactly when all checks of the environment passed, and only successes are kept."""
    passed = bool(record.verdict.checks) and all(check.passed for check in record.verdict.checks)
    if passed != (record.verdict.outcome != "failure"):
        return f"outcome {record.verdict.outcome}, but the checks {'pass' if passed else 'fail'}"
    return None if passed else "the episode failed"


def check_loops(record: Record) -> str | None:
    """No call that worked is made again at once with the same result, unless the turn has new prose."""
    before: tuple[object, object] = (None, None)
    for turn in record.turns():
        made = [
            (call.name, call.args, seen.content)
            for step in turn
            for call, seen in zip(step.calls, step.obs, strict=False)
            if seen.status == "ok"
        ]
        prose = [step.text for step in turn if step.text]
        if made and made == before[0] and (not prose or prose == before[1]):
            return f"step {turn[0].i}: the call before, once more"
        before = (made, prose)
    return None


def check_leaks(record: Record) -> str | None:
    """Neither the task nor a call names what only its maker may know: a repository's history, a hidden file, a key."""
    texts = [record.task.prompt, *(f"{tool.name} {tool.description}" for tool in record.tools)]
    texts += [str(call.args) for step in record.steps for call in step.calls]
    found = next((match[0] for text in texts if (match := _LEAK.search(text))), None)
    return f"names {found!r}" if found else None


def check_licence(record: Record) -> str | None:
    return None if record.provenance.licence.strip() else "no licence"


RECORD_CHECKS: dict[str, RecordCheck] = {
    "content_id": check_content_id,
    "phase_grammar": check_phase_grammar,
    "terminal_step": check_terminal_step,
    "observations": check_observations,
    "arguments": check_arguments,
    "traces": check_traces,
    "citations": check_citations,
    "hindsight": check_hindsight,
    "reflections": check_reflections,
    "contradictions": check_contradictions,
    "units": check_units,
    "voice": check_voice,
    "secrets": check_secrets,
    "loops": check_loops,
    "leaks": check_leaks,
    "wrong_steps": check_wrong_steps,
    "verdict": check_verdict,
    "licence": check_licence,
}


def check_split(record: Record, held_out_families: Collection[str]) -> str | None:
    """Nothing held out: neither a family evaluation keeps for itself nor a held-out task of a training family."""
    facts = record.task
    if facts.generator in held_out_families:
        return f"family {facts.generator} is held out for evaluation"
    if record.family_id != f"{facts.generator}/{facts.split}/{facts.seed}":
        return f"family_id {record.family_id} is not that of the task"
    return None if record.task.split == "train" else f"a task of the {record.task.split} split"
