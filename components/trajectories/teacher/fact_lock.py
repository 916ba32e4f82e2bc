"""The fact lock: other words may say a text, other facts may not.

What a text states is read off it as a sequence: numbers, expressions, identifiers, paths, quoted text, names, the
record's own data words, and decisive words (negations, verdicts, order, comparison, quantity) by what they mean; see
`lexicon.yaml`. A rewriting must have the same sequence, in the same order, so that nothing is added, lost, changed or
exchanged. What no list of words can see, a new claim in plain small words, is left to the record's checks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import yaml

from components.core.special_tokens import MARKERS
from components.trajectories.record import Record

_QUOTED = re.compile(r'"[^"\n]*"|`[^`\n]*`|“[^”\n]*”|(?<!\w)\'[^\'\n]+\'(?!\w)')
_SYMBOLS = frozenset("0123456789_=<>+*/\\%^&|{}[]#@~$€£")
_LONGER_BY = (2.5, 60)  # a rewriting is at most this many times as long, and so many characters
_LEXICON = yaml.safe_load(Path(__file__).with_name("lexicon.yaml").read_text(encoding="utf-8"))
_CLASSES: dict[str, str] = {word: kind for kind, words in _LEXICON["decisive"].items() for word in words.split()}
_COMMON = frozenset(_LEXICON["common"].split())


def changed_facts(original: str, rewritten: str, data: frozenset[str], context: str) -> str | None:
    """What a rewriting does to the facts of a text, in one line, or None. `data` are the record's own words,
    `context` is all its text: a name at the start of a sentence must stand there or be a common word."""
    if not rewritten.strip():
        return "it is empty"
    marker = next((marker for marker in MARKERS if marker in rewritten), None)
    if marker or not rewritten.replace("\n", " ").isprintable():
        return "it holds a marker or a character that does not print"
    factor, more = _LONGER_BY
    if len(rewritten) > factor * len(original) + more:
        return f"it has {len(rewritten)} characters for {len(original)}"
    before, after = facts(original, data), facts(rewritten, data)
    if before != after:
        at = next((i for i, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
        place = min(len(before), len(after)) if at is None else at
        wanted, found = (" ".join(part[place : place + 3]) or "nothing more" for part in (before, after))
        return f"the facts must be {' '.join(before) or 'none'}; where {wanted!r} must stand there is {found!r}"
    known = _words(context)
    for word in _openings(rewritten):
        if word.casefold() not in _COMMON | known and word.casefold() not in _CLASSES:
            return f"{word!r} is new"
    return None


def facts(text: str, data: frozenset[str]) -> tuple[str, ...]:
    """What a text states, in its order: facts as they stand, decisive words by their class."""
    found: list[tuple[int, str]] = []
    for match in _QUOTED.finditer(text):
        found.append((match.start(), match[0][1:-1]))
    plain = _QUOTED.sub(lambda match: " " * len(match[0]), text)
    opening = True
    for match in re.finditer(r"\S+", plain):
        chunk = _bare(match[0])
        fact = _fact(chunk, data, opening)
        if fact is not None:
            found.append((match.start(), fact))
        opening = match[0][-1] in ".:!?" or (opening and not chunk)
    return tuple(fact for _, fact in sorted(found))


def data_words(record: Record) -> frozenset[str]:
    """Words of calls and observations that prose may not exchange: names, values, keys."""
    texts = [str(value) for step in record.steps for call in step.calls for value in call.args.values()]
    texts += [seen.content for step in record.steps for seen in step.obs]
    texts += [tool.name for tool in record.tools]
    words = frozenset[str]().union(*(_words(text) for text in texts))
    return frozenset(word for word in words if len(word) > 1 and word not in _COMMON)


def _fact(chunk: str, data: frozenset[str], opening: bool) -> str | None:
    if not chunk:
        return None
    folded = chunk.casefold()
    if _SYMBOLS & set(chunk) or chunk == "-":
        return chunk
    if folded in data or any(part in data for part in re.findall(r"\w+", folded) if folded != part):
        return folded
    if folded in _CLASSES or folded.endswith("n't") or folded.endswith("n’t"):
        return f"<{_CLASSES.get(folded, 'NOT')}>"
    if re.search(r"\w[.:-]\w", chunk) and (chunk != folded or "." in chunk or ":" in chunk):
        return chunk
    if chunk[1:] != chunk[1:].casefold() or (not opening and chunk[0] != folded[0] and folded not in _COMMON):
        return chunk
    return chunk if len(chunk) == 1 and chunk.isalpha() and folded not in ("a", "i") else None


def _bare(chunk: str) -> str:
    """Without the marks of a sentence around it; brackets go where they do not close within."""
    while chunk:
        if chunk[-1] in ".,;:!?…":
            chunk = chunk[:-1]
        elif (chunk[0] == "(" and ")" not in chunk) or chunk[0] in "—–":
            chunk = chunk[1:]
        elif (chunk[-1] == ")" and "(" not in chunk) or chunk[-1] in "—–":
            chunk = chunk[:-1]
        elif chunk[0] == "(" and chunk[-1] == ")" and not _SYMBOLS & set(chunk):
            chunk = chunk[1:-1]
        else:
            break
    return chunk


def _openings(text: str) -> Sequence[str]:
    """The words with a capital at the starts of sentences."""
    return re.findall(r"(?:^|[.:!?]\s+)[(\"'“]*([A-Z][a-z]+)", text)


@cache
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W\d_]+", text.casefold()))
