"""One assistant turn: five phases written as text, and read back without ever trusting it.

    <think><analysis>..<plan>..<reflection>..</think>visible text<tool_call>{"name":..,"arguments":{..}}</tool_call>

Analysis, Plan and Reflection live in the think block, an Action is a tool call, the Summary is the visible text of a
turn without calls. The reader is tolerant of what does no harm (spaces, several calls, a think block without phase
markers) and refuses everything else: a turn with an `error` is answered by an observation and nothing in it is run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.agent.messages import Message, ToolCall, escape_special_tokens, split_markers
from components.core.special_tokens import (
    ANALYSIS,
    ASSISTANT_MARKERS,
    CALL_CLOSE,
    CALL_OPEN,
    END_OF_TEXT,
    MARKERS,
    PLAN,
    REFLECTION,
    TEMPLATE_MARKERS,
    THINK_CLOSE,
    THINK_OPEN,
)

if TYPE_CHECKING:
    from components.tokenizer import TextTokenizer

_PHASES = {ANALYSIS: "analysis", PLAN: "plan", REFLECTION: "reflection"}


@dataclass(frozen=True, kw_only=True)
class AssistantTurn:
    """What a turn says. With an `error` (one line, for the policy to read) `calls` is empty and nothing is run."""

    analysis: str = ""
    plan: str = ""
    reflection: str = ""
    calls: tuple[ToolCall, ...] = ()
    summary: str = ""
    error: str | None = None


class _Fault(Exception):
    """The first thing wrong with a turn."""


def compose_turn(
    *, analysis: str = "", plan: str = "", reflection: str = "", calls: tuple[ToolCall, ...] = (), summary: str = ""
) -> Message:
    """An assistant message from its phases, in the order reflection, analysis, plan. Markers inside them are broken."""
    phases = ((REFLECTION, reflection), (ANALYSIS, analysis), (PLAN, plan))
    thought = "".join(marker + escape_special_tokens(text) for marker, text in phases if text)
    think = f"{THINK_OPEN}{thought}{THINK_CLOSE}" if thought else ""
    return Message("assistant", think + escape_special_tokens(summary), calls)


def turn_text(message: Message) -> str:
    """The whole turn as a policy writes it, end marker included."""
    calls = "\n".join(f"{CALL_OPEN}{call.to_json()}{CALL_CLOSE}" for call in message.calls)
    return message.text + calls + END_OF_TEXT


def turn_message(text: str, turn: AssistantTurn) -> Message:
    """The message that stands for a turn in the history: calls in canonical form, or the raw text of a broken turn."""
    text = _whole_characters(text).rstrip().removesuffix(END_OF_TEXT)
    if turn.error is not None:
        return Message("assistant", text)
    return Message("assistant", text.split(CALL_OPEN, 1)[0].rstrip() if turn.calls else text, turn.calls)


def decode_turn(tokenizer: TextTokenizer, ids: Sequence[int]) -> str:
    """Text of generated ids in which only real marker tokens are markers.

    A model that copies `<tool_call>` letter by letter out of a page it read has written text, not a call: spelled-out
    markers are broken.
    """
    names = {tokenizer.special[marker]: marker for marker in MARKERS}
    pieces: list[str] = []
    run: list[int] = []
    for token in ids:
        if token in names:
            pieces += [escape_special_tokens(tokenizer.decode(run)), names[token]]
            run = []
        else:
            run.append(token)
    return "".join([*pieces, escape_special_tokens(tokenizer.decode(run))])


def parse_turn(
    text_or_ids: str | Sequence[int], tokenizer: TextTokenizer | None = None, *, require_end: bool = False
) -> AssistantTurn:
    """Read one turn. Ids need the tokenizer. With `require_end` a turn without its end marker was cut off: an error."""
    if not isinstance(text_or_ids, str):
        assert tokenizer is not None, "ids need the tokenizer"
        text_or_ids = decode_turn(tokenizer, text_or_ids)
    try:
        return _parse(text_or_ids, require_end)
    except _Fault as fault:
        return AssistantTurn(error=str(fault))


def _parse(text: str, require_end: bool) -> AssistantTurn:
    if not text.isprintable() and text != _whole_characters(text):
        raise _Fault("the turn holds half a character")
    body = text.rstrip()
    if require_end and not body.endswith(END_OF_TEXT):
        raise _Fault("the turn was cut off")
    body = body.removesuffix(END_OF_TEXT)
    foreign = next((piece for piece in split_markers(body, TEMPLATE_MARKERS) if piece in TEMPLATE_MARKERS), None)
    if foreign:
        raise _Fault(f"{escape_special_tokens(foreign)} does not belong in a turn")
    pieces = split_markers(body.strip(), ASSISTANT_MARKERS)
    phases, pieces = _read_think(pieces)
    visible, calls = _read_action(pieces)
    if not calls and not visible:
        raise _Fault("neither a call nor an answer")
    return AssistantTurn(**phases, calls=calls, summary=visible)


def _read_think(pieces: list[str]) -> tuple[dict[str, str], list[str]]:
    """Take the think block off the front. Text before the first phase marker counts as analysis."""
    if not pieces or pieces[0] != THINK_OPEN:
        return {}, pieces
    phases: dict[str, str] = {}
    phase = "analysis"
    for index, piece in enumerate(pieces[1:], start=1):
        if piece == THINK_CLOSE:
            return phases, pieces[index + 1 :]
        if piece in _PHASES:
            phase = _PHASES[piece]
            if phase in phases:
                raise _Fault(f"two {phase} phases in one turn")
            phases[phase] = ""
        elif piece in ASSISTANT_MARKERS:
            raise _Fault(f"{escape_special_tokens(piece)} inside the think block")
        elif piece.strip():
            phases[phase] = piece.strip()
    raise _Fault("the think block is not closed")


def _read_action(pieces: list[str]) -> tuple[str, tuple[ToolCall, ...]]:
    """Visible text, then any number of calls, then nothing."""
    visible = ""
    calls: list[ToolCall] = []
    rest = iter(pieces)
    for piece in rest:
        if piece == CALL_OPEN:
            inside = next(rest, "")
            if inside == CALL_CLOSE:
                raise _Fault("empty tool call")
            if inside in ASSISTANT_MARKERS:
                raise _Fault(f"{escape_special_tokens(inside)} inside a tool call")
            if next(rest, None) != CALL_CLOSE:
                raise _Fault("the tool call is not closed")
            calls.append(_read_call(inside))
        elif piece in ASSISTANT_MARKERS:
            raise _Fault(f"{escape_special_tokens(piece)} outside its place")
        elif calls and piece.strip():
            raise _Fault("text after a tool call")
        elif not calls:
            visible = piece.strip()
    return visible, tuple(calls)


def _read_call(text: str) -> ToolCall:
    try:
        value = json.loads(text, object_pairs_hook=_unique_names, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _Fault(f"the tool call is no valid JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise _Fault("the tool call is nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise _Fault(f"the tool call is no valid JSON: {error}") from None
    if not isinstance(value, dict) or set(value) != {"name", "arguments"}:
        raise _Fault('a tool call is {"name":..,"arguments":{..}}')
    if not isinstance(value["name"], str) or not value["name"]:
        raise _Fault("the tool's name is no text")
    if not isinstance(value["arguments"], dict):
        raise _Fault(f"arguments must be an object, not {_kind(value['arguments'])}")
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise _Fault("the tool call holds half a character") from None
    except ValueError:  # 1e999 reads as infinity
        raise _Fault("a number in the tool call is out of range") from None
    return ToolCall(name=value["name"], arguments=value["arguments"])


def _whole_characters(text: str) -> str:
    """Text with lone surrogates, which no tokenizer takes, replaced."""
    return text.encode("utf-8", "replace").decode()


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise _Fault("a name stands twice in the tool call")
    return value


def _no_constant(name: str) -> None:
    raise _Fault(f"{name} is no JSON number")


def _kind(value: object) -> str:
    names: dict[type, str] = {str: "text", list: "a list", bool: "a truth value", int: "a number", float: "a number"}
    return names.get(type(value), "null")
