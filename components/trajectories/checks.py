"""The invariants of a trajectory, each a function of one record: what is wrong in one line, or None.

`RECORD_CHECKS` names them all; the stage's table has a column for each. They know the record and the tools it lists,
nothing of the generator that made it; `replay.py` asks the environments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache

from components.agent.calculator import calculate
from components.agent.environment import call_fault
from components.agent.research.citations import Citation, read_claims
from components.agent.research.questions import contains
from components.trajectories.record import Record, Step, content_sha

_LETTERS = {"analysis": "A", "plan": "P", "action": "X", "reflection": "R", "summary": "S"}
# Analysis, Plan? and an Action; then Actions with a Reflection (and a revised Plan only after one); then the Summary.
_GRAMMAR = re.compile(r"AP?X(?:(?:RP?)?X)*R?S")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_PATH = re.compile(r"[\w./-]*\w\.(?:py|txt|md|json|yaml|toml)\b")
_SPAN_LINE = re.compile(r"^(\d{1,9})-(\d{1,9}) (.*)$", re.MULTILINE)
_LAST_DIGIT = re.compile(r"(\d+(?:[-+*/]\d+)+) ends in (\d)\b")

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


def check_traces(record: Record) -> str | None:
    """Numbers and paths in a reflection or the summary stand in the prompt, a call made before or what it brought.

    A citation names a span that an opened page showed, beside the value that stands there.
    """
    known_numbers, known_paths = _facts(record.task.prompt)
    shown: dict[Citation, str] = {}
    for step in record.steps:
        if step.phase in ("reflection", "summary"):
            numbers, paths = _facts(step.text)
            strange = numbers - known_numbers - _derived(step.text) | paths - known_paths
            if strange:
                return f"step {step.i}: {step.phase} names {', '.join(sorted(strange))}, seen nowhere before"
            dangling = next((str(cited) for cited in _unsupported(step.text, shown)), None)
            if dangling:
                return f"step {step.i}: {step.phase} cites {dangling}, which shows no such value"
        shown |= _spans_shown(step)
        for part in (*_texts_of_calls(step), *(seen.content for seen in step.obs)):
            numbers, paths = _facts(part)
            known_numbers, known_paths = known_numbers | numbers, known_paths | paths
    return None


def check_wrong_steps(record: Record) -> str | None:
    """A wrong step has weight 0, every other one more; a recovery follows each wrong action and points at it."""
    for step in record.steps:
        if (step.loss == 0) != (step.label == "wrong"):
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
    if passed != (record.verdict.outcome == "success"):
        return f"outcome {record.verdict.outcome}, but the checks {'pass' if passed else 'fail'}"
    return None if passed else "the episode failed"


def check_licence(record: Record) -> str | None:
    return None if record.provenance.licence.strip() else "no licence"


RECORD_CHECKS: dict[str, RecordCheck] = {
    "content_id": check_content_id,
    "phase_grammar": check_phase_grammar,
    "terminal_step": check_terminal_step,
    "observations": check_observations,
    "arguments": check_arguments,
    "traces": check_traces,
    "wrong_steps": check_wrong_steps,
    "verdict": check_verdict,
    "licence": check_licence,
}


def check_split(record: Record, held_out_families: Collection[str]) -> str | None:
    """Nothing held out: neither a family evaluation keeps for itself nor a held-out task of a training family."""
    if record.task.generator in held_out_families:
        return f"family {record.task.generator} is held out for evaluation"
    return None if record.task.split == "train" else f"a task of the {record.task.split} split"


@cache
def _facts(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Numbers and file paths a text names."""
    return frozenset(_NUMBER.findall(text)), frozenset(_PATH.findall(text))


def _derived(text: str) -> frozenset[str]:
    """The one derivation a reflection may make itself: the last digit of an expression, worked out again here."""
    found = _LAST_DIGIT.findall(text)
    return frozenset(digit for expression, digit in found if calculate(expression).content[-1:] == digit)


def _spans_shown(step: Step) -> dict[Citation, str]:
    """The text of every span that a page opened in this step showed, a line `start-end text` each."""
    return {
        Citation(page=call.args["page"], start=int(line[1]), end=int(line[2])): line[3]
        for call, seen in zip(step.calls, step.obs, strict=False)
        if isinstance(call.args.get("page"), str)
        for line in _SPAN_LINE.finditer(seen.content)
    }


def _unsupported(text: str, shown: Mapping[Citation, str]) -> Iterator[Citation]:
    """Citations of spans never shown, or beside a claim that lacks the value behind the span's field."""
    for claim in read_claims(text):
        for citation in claim.citations:
            value = shown.get(citation, "").partition(": ")[2]
            if not value or not contains(claim.text, value):
                yield citation


def _texts_of_calls(step: Step) -> list[str]:
    return [str(value) for call in step.calls for value in call.args.values()]
