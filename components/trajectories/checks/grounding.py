"""What the prose of a trajectory may say: nothing from nowhere, nothing too early, nothing against what was seen.

Each check is a function of one record: what is wrong in one line, or None. Prose is read by words and numbers alone, so
a check finds a false figure, a path never seen or a success claimed over an error; it does not understand a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from components.agent.calculator import calculate
from components.tasks.research.citations import Citation, read_claims
from components.tasks.research.facts import contains
from components.trajectories.record import CitedSpan, Record, RecordedObservation, Step, content_sha

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_PATH = re.compile(r"[\w./-]*\w\.(?:py|txt|md|json|yaml|toml)\b")
_IDENTIFIER = re.compile(r"\b[A-Za-z]+(?:_\w+)+\b|\b[a-z]+[A-Z]\w*\b")
_WORD = re.compile(r"[^\W\d_]{3,}")
_SPAN_LINE = re.compile(r"^(\d{1,9})-(\d{1,9}) (.*)$", re.MULTILINE)
_LAST_DIGIT = re.compile(r"(\d+(?:[-+*/]\d+)+) ends in (\d)\b")
_UNIT = re.compile(
    r"\d\s?(%|kg|g|mg|lb|km|cm|mm|m|mi|ft|l|ml|s|min|h|kwh|°c|°f"
    r"|sq km|sq mi|kilometers|miles|metres|meters|feet|litres|liters|gallons|hours|minutes|seconds|days|weeks|years"
    r"|dollars|euros|pounds|percent|degrees)(?![\w])",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial|large language|language model)\b|\bi(?:'m| am) (?:sorry|unable|not able)\b"
    r"|\bi can(?:no|')t (?:help|assist|comply|do that)\b|\bcertainly[!,]|\bsure[!,] here\b|\bi hope this helps\b"
    r"|\bhappy to help\b|\blet me know if\b",
    re.IGNORECASE,
)
_SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{30,}|\bsk-[\w-]{20,}|\bxox[abp]-[\w-]{10,}"
    r"|\b[\w.+-]+@(?!example\.)[\w-]+\.[a-z]{2,}\b"
)
_BAD_NEWS = re.compile(
    r"\A(?:fails|cannot read)\b"
    r"|\b(?:[1-9]\d* (?:failed|errors?)|\w*(?:Error|Exception)\b|does not hold|traceback|assert\b)"
)
_GOOD_NEWS = re.compile(r"(?:\A|\n)(?:[1-9]\d* passed|holds|accepted)\b")
_CLAIMS_SUCCESS = re.compile(
    r"\b(?:all (?:tests )?pass(?:ed)?|tests pass|passes now|is (?:fixed|done|solved|correct|right)|succeeded"
    r"|success(?:ful(?:ly)?)?|worked|works|looks (?:good|right|fine)|as expected|no (?:problem|error)s?)\b",
    re.IGNORECASE,
)
_SAYS_HOLDS = re.compile(r"\A(?:it |that )?holds\b", re.IGNORECASE)
_CLAIMS_FAILURE = re.compile(
    r"\b(?:fail(?:s|ed)?|failure|does not hold|doesn't hold|(?:is|was) (?:denied|refused|rejected)"
    r"|(?:an|the) (?:error|exception)|crash(?:es|ed)?|timed out)\b",
    re.IGNORECASE,
)
_DENIES = re.compile(r"\b(?:no|none|not|nothing)\b", re.IGNORECASE)
_ADMITS = re.compile(
    r"\b(?:not|no|never|cannot|can't|fail\w*|error\w*|wrong|refus\w*|denied|missing|unknown|still|again|but|nothing|"
    r"slip\w*|unavailable|broke\w*|withdrawn|off|too|busy|reset)\b|n't\b|!=",
    re.IGNORECASE,
)
_VALUE = re.compile(r"-?\d[\d./]*")
# Words that may follow anything and so say nothing.
_EMPTY_WORDS = frozenset(
    (
        "all", "and", "are", "but", "done", "fine", "for", "good", "great", "has", "have", "let", "looks", "moving",
        "next", "nice", "not", "now", "okay", "onward", "really", "right", "that", "the", "then", "this", "very", "was",
        "well", "went", "with",
    )
)  # fmt: skip
_NEAR_WORDS = 3  # of a word, as of "pass" and "passed": letters that must agree
_PROSE = ("analysis", "plan", "reflection", "summary")


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


def check_citations(record: Record) -> str | None:
    """The answer's citations are those its text makes, each with the hash of what stands there."""
    return None if record.answer.citations == citations_of(record.steps) else "citations differ from the answer's text"


def check_hindsight(record: Record) -> str | None:
    """No prose names a number, path or identifier that only a later observation brings.

    A turn may name what its own call names. One-digit numbers are left out: counting needs them.
    """
    later = [_names(" ".join(seen.content for seen in step.obs)) for step in record.steps]
    known = _names(record.task.prompt) | _names(" ".join(_tool_texts(record)))
    for turn in record.turns():
        calls = _names(" ".join(text for step in turn for text in _texts_of_calls(step)))
        coming = frozenset[str]().union(*later[turn[0].i :])
        for step in turn:
            early = (_names(step.text) - known - calls) & coming
            if early:
                return f"step {step.i}: {step.phase} names {', '.join(sorted(early))} before it was seen"
        known |= calls | frozenset[str]().union(*later[turn[0].i : turn[-1].i + 1])
        known |= _names(" ".join(step.text for step in turn))
    return None


def check_reflections(record: Record) -> str | None:
    """A reflection speaks of what happened: it shares a word or a number with the task, a call or an observation; and
    after a call that brought a bare value it names that value, if it names any."""
    seen_words = _words(record.task.prompt)
    value = ""
    for step in record.steps:
        if step.phase == "reflection":
            if not _words(step.text) & seen_words:
                return f"step {step.i}: the reflection {step.text[:40]!r} says nothing of what happened"
            brought, named = _facts(value)[0], _facts(step.text)[0]
            if step.label == "good" and brought and named and not brought & named:
                return f"step {step.i}: the reflection {step.text[:40]!r} passes over {value}"
        for part in (*_texts_of_calls(step), *(f"{seen.status} {seen.content}" for seen in step.obs)):
            seen_words |= _words(part)
        if step.obs:
            bare = step.obs[-1].status == "ok" and _VALUE.fullmatch(step.obs[-1].content)
            value = step.obs[-1].content if bare else ""
    return None


def check_contradictions(record: Record) -> str | None:
    """After an error nobody claims success, after success nobody claims failure, in reflections and the summary."""
    last: RecordedObservation | None = None
    for step in record.steps:
        if last is not None and step.phase in ("reflection", "summary"):
            bad = last.status != "ok" or _BAD_NEWS.search(last.content)
            good = not bad and _GOOD_NEWS.search(last.content)
            claimed = _CLAIMS_SUCCESS.search(step.text) and not _ADMITS.search(step.text)
            if bad and (claimed or _SAYS_HOLDS.match(step.text)):
                return f"step {step.i}: claims success after {last.content[:40]!r}"
            denied = _CLAIMS_FAILURE.search(step.text) and not _DENIES.search(step.text)
            if good and denied and step.phase == "reflection":
                return f"step {step.i}: claims failure after {last.content[:40]!r}"
        if step.obs:
            last = step.obs[-1]
    return None


def check_units(record: Record) -> str | None:
    """Units beside the numbers of a reflection or the summary stood in the prompt or in what was seen."""
    known = record.task.prompt.casefold()
    for step in record.steps:
        if step.phase in ("reflection", "summary"):
            for unit in _UNIT.findall(step.text):
                if not re.search(rf"(?<![^\W\d]){re.escape(unit.casefold())}(?!\w)", known):
                    return f"step {step.i}: {step.phase} counts in {unit}, which stood nowhere"
        known += " " + " ".join((*_texts_of_calls(step), *(seen.content for seen in step.obs))).casefold()
    return None


def check_voice(record: Record) -> str | None:
    """No refusal and no chatter of an assistant: trajectories are work."""
    for step in record.steps:
        found = _REFUSAL.search(step.text)
        if found:
            return f"step {step.i}: {step.phase} says {found[0]!r}"
    return None


def check_secrets(record: Record) -> str | None:
    """No key, no token of a service, no mail address."""
    for step in record.steps:
        for text in (step.text, *_texts_of_calls(step), *(seen.content for seen in step.obs)):
            if _SECRET.search(text):
                return f"step {step.i}: holds what looks like a secret or an address"
    return None


def citations_of(steps: Sequence[Step]) -> tuple[CitedSpan, ...]:
    """The spans the last step cites, with the hash of what an opened page showed there."""
    shown: dict[Citation, str] = {}
    for step in steps:
        shown |= _spans_shown(step)
    return tuple(
        CitedSpan(
            claim=claim.text.strip(),
            doc=cited.page,
            sha=content_sha(shown.get(cited, "")),
            span=(cited.start, cited.end),
        )
        for claim in read_claims(steps[-1].text)
        for cited in claim.citations
    )


@cache
def _facts(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Numbers and file paths a text names."""
    return frozenset(_NUMBER.findall(text)), frozenset(_PATH.findall(text))


@cache
def _names(text: str) -> frozenset[str]:
    """Numbers of two digits and more, paths and identifiers."""
    numbers, paths = _facts(text)
    return frozenset(number for number in numbers if len(number) > 1) | paths | frozenset(_IDENTIFIER.findall(text))


@cache
def _words(text: str) -> frozenset[str]:
    """Numbers, and words without their endings."""
    words = (word.casefold() for word in _WORD.findall(text))
    return frozenset(word[:_NEAR_WORDS] for word in words if word not in _EMPTY_WORDS) | _facts(text)[0]


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


def _tool_texts(record: Record) -> Iterator[str]:
    for tool in record.tools:
        yield f"{tool.name} {tool.description} {tool.json_schema}"
