"""The teacher as writer of issues: a code task's symptom in a person's words, without a hint at the fix.

The teacher sees the function's name and what a run of the tests really printed, never the payload. What it writes is
held against the payload: no line number, no word of the fix or of the changed lines, no inner name, no number and no
case that the symptom does not show. Issues are kept beside the records, by task.
"""

from __future__ import annotations

import difflib
import io
import re
import tokenize
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from components.agent.environment import Task, TaskFamily
from components.agent.messages import ToolCall
from components.core.params import TeacherSettings
from components.trajectories.teacher.client import BudgetExceeded, content
from components.trajectories.teacher.ledger import LedgerEntry
from components.trajectories.teacher.work import Piece, TeacherQuestion, Work

_CHARACTERS = (30, 1200)
_PLACE = re.compile(
    r"\blines?\b|:\d+\b|\bL\d+\b|\b(?:return|if|while|for) (?:statement|clause)\b|"
    r"\b(?:loop|branch|condition|comparison|operator|off[- ]by[- ]one|indent\w*)\b",
    re.IGNORECASE,
)
_NAME_CHARACTERS = 3  # a shorter inner name is too often a word
_INSTRUCTIONS = """You write bug reports. From the name of a function or package and what its tests print, write the \
report a user would: what was called, what came back, what was expected. Two to five sentences, no headings, no code \
blocks. Do not guess the cause, the place or the fix. Use no number or value that is not in what you are given."""


class Issue(BaseModel):
    """A report in place of a task's own prompt; `task` names family, split and seed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    text: str
    teacher: str
    licence: str
    cache_key: str | None
    cost_usd: float


@dataclass(frozen=True, kw_only=True)
class CodeFacts:
    """What the teacher may learn of a task (`subject`, `prompt`, `symptom`) and must not (`right`, `broken`, `places`).

    The subject is what is reported: the function of a task about one function, the package of a task in a package,
    where the function and its module are the place to find.
    """

    task: str
    subject: str
    prompt: str
    symptom: str
    right: str
    broken: str
    places: tuple[str, ...] = ()


def code_facts(task: Task, family: TaskFamily) -> CodeFacts | None:
    """The facts of a task whose payload names a function and both texts, with its tests really run; else None."""
    payload = task.payload
    if not {"function", "right", "broken"} <= set(payload) or "run_tests" not in {tool.name for tool in task.tools}:
        return None
    seen = family.start(task).execute(ToolCall(name="run_tests", arguments={}))
    return CodeFacts(
        task=task.id,
        subject=payload.get("package", payload["function"]),
        prompt=task.prompt,
        symptom=seen.render(),
        right=payload["right"],
        broken=payload["broken"],
        places=(payload["module"], *payload["function"].split(".")) if "package" in payload else (),
    )


def write_issue(facts: CodeFacts, settings: TeacherSettings, work: Work) -> Piece[tuple[Issue | None, LedgerEntry]]:
    """The issue, or None where two answers leaked or were empty, and the ledger's line."""
    given = f"About: {facts.subject}\nThe tests print:\n{facts.symptom}"
    messages = [{"role": "system", "content": _INSTRUCTIONS}, {"role": "user", "content": given}]
    fault = ""
    for attempt in range(2):
        try:
            answer = yield TeacherQuestion(messages)
        except BudgetExceeded:
            return None, work.entry(facts.task, "unfunded", fault)
        text, fault = content(answer)
        if answer.refusal:
            return None, work.entry(facts.task, "refused", fault)
        text = " ".join(text.split())
        fault = fault or find_leak(text, facts) or ""
        if not fault:
            issue = Issue(
                task=facts.task,
                text=text,
                teacher=settings.name,
                licence=settings.licence,
                cache_key=work.cache_key,
                cost_usd=work.cost_usd,
            )
            return issue, work.entry(facts.task, "accepted", repaired=attempt == 1)
        messages = [
            *messages,
            {"role": "assistant", "content": text},
            # The words that leaked are left out: they would give the teacher the fix.
            {
                "role": "user",
                "content": f"Refused ({fault.split(':')[0]}). Write it anew from what was printed.",
            },
        ]
    return None, work.entry(facts.task, "rejected", fault)


def find_leak(text: str, facts: CodeFacts) -> str | None:
    """What an issue gives away or makes up, in one line that begins with its kind, or None."""
    fewest, most = _CHARACTERS
    if not fewest <= len(text) <= most:
        return f"length: {len(text)} characters, {fewest} to {most} are wanted"
    if facts.subject not in text:
        return "subject: it is not named"
    place = _PLACE.search(text)
    if place:
        return f"place: {place[0]!r}"
    shown = f"{facts.prompt} {facts.symptom} {facts.subject}"
    squeezed = re.sub(r"\s", "", text)
    for line in _changed_lines(facts):
        if len(line) > 2 and re.sub(r"\s", "", line) in squeezed:
            return f"code: {line.strip()!r}"
    new_numbers = set(re.findall(r"\d+(?:\.\d+)?", text)) - set(re.findall(r"\d+(?:\.\d+)?", shown))
    if new_numbers:
        return f"facts: {', '.join(sorted(new_numbers))} were not printed"
    words = set(re.findall(r"\w+", text))
    inner = _names(facts.right) | _names(facts.broken)
    inside = {place for place in facts.places if re.search(rf"(?<!\w){re.escape(place)}(?!\w)", text)}
    inside = {place for place in inside if place not in shown}
    inside |= words & {name for name in inner if len(name) >= _NAME_CHARACTERS} - set(re.findall(r"\w+", shown))
    if inside:
        return f"inside: {', '.join(sorted(inside))}"
    signs = _tokens(facts.right) - _tokens(facts.broken) - _tokens(shown)
    leaked = [sign for sign in signs if not sign.isidentifier() and not sign.isdigit() and sign in text]
    return f"fix: {leaked[0]!r}" if leaked else None


def _changed_lines(facts: CodeFacts) -> list[str]:
    """Lines of either source that the other has not."""
    compared = difflib.ndiff(facts.broken.splitlines(), facts.right.splitlines())
    return [line[2:] for line in compared if line[:2] in ("- ", "+ ") and line[2:].strip()]


def _names(source: str) -> set[str]:
    return {token for token in _tokens(source) if token.isidentifier()} - {"def", "for", "not", "and", "while", "else"}


def _tokens(text: str) -> set[str]:
    """The tokens of Python source, or what can be read of a text that is none."""
    found = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.string.strip():
                found.add(token.string)
    except (tokenize.TokenError, SyntaxError):
        found |= set(re.findall(r"\w+|[^\w\s]+", text))
    return found
