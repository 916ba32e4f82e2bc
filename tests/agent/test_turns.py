"""The reader of turns: everything we write comes back, nothing broken is ever a call."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.agent.messages import Message, ToolCall, escape_special_tokens
from components.agent.turns import compose_turn, decode_turn, parse_turn, turn_message, turn_text
from components.core.special_tokens import ASSISTANT_MARKERS, END_OF_TEXT, MARKERS
from components.tokenizer import TextTokenizer

GOOD = '{"name":"calculator","arguments":{"expression":"1+2"}}'

plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(
    lambda text: escape_special_tokens(text) == text
)
words = st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=1, max_size=20).filter(
    lambda text: escape_special_tokens(text) == text
)
arguments = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3),
    max_leaves=6,
)
calls = st.builds(ToolCall, name=words, arguments=st.dictionaries(plain, arguments, max_size=3))


@settings(max_examples=150, deadline=None)
@given(words, words, words, st.lists(calls, max_size=3), words)
def test_a_composed_turn_comes_back(analysis: str, plan: str, reflection: str, made: list[ToolCall], text: str) -> None:
    message = compose_turn(analysis=analysis, plan=plan, reflection=reflection, calls=tuple(made), summary=text)
    turn = parse_turn(turn_text(message), require_end=True)
    assert turn.error is None
    assert (turn.analysis, turn.plan, turn.reflection, turn.summary) == (analysis, plan, reflection, text)
    assert turn.calls == tuple(made)
    assert turn_message(turn_text(message), turn) == message


pieces = st.one_of(
    st.sampled_from(MARKERS),
    st.sampled_from((GOOD, GOOD[:-1], GOOD + GOOD, "{}", '{"name":', "}", '"', "\n", " ", "46")),
    st.text(max_size=12),
)


@settings(max_examples=600, deadline=None)
@given(st.lists(pieces, max_size=12).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    turn = parse_turn(text)
    assert turn.error is None or (turn.calls == () and "\n" not in turn.error)
    assert turn.error is None or not any(marker in turn.error for marker in MARKERS)
    for call in turn.calls:  # what is run stood in the text, whole, as one JSON object
        assert json.loads(call.to_json()) == {"name": call.name, "arguments": call.arguments}
    turn_message(text, turn).text.encode()


@settings(max_examples=250, deadline=None)
@given(words, calls, st.data())
def test_a_damaged_call_is_refused_or_is_the_call(plan: str, call: ToolCall, data: st.DataObject) -> None:
    """Cut one character out of a call or put one in: it never turns into a call without its arguments."""
    text = turn_text(compose_turn(plan=plan, calls=(call,)))
    at = data.draw(st.integers(text.index("<tool_call>"), len(text) - len(END_OF_TEXT) - 1))
    damaged = text[:at] + data.draw(st.sampled_from(("", '"', "}", "{", "\n", ","))) + text[at + 1 :]
    turn = parse_turn(damaged, require_end=True)
    if turn.calls:
        inside = damaged.split("<tool_call>", 1)[1].rsplit("</tool_call>", 1)[0]
        assert json.loads(inside) == {"name": turn.calls[0].name, "arguments": turn.calls[0].arguments}


@settings(max_examples=120, deadline=None)
@given(words, st.lists(calls, max_size=2), words, st.data())
def test_a_turn_cut_anywhere_is_an_error(plan: str, made: list[ToolCall], text: str, data: st.DataObject) -> None:
    whole = turn_text(compose_turn(plan=plan, calls=tuple(made), summary=text))
    cut = data.draw(st.integers(0, len(whole) - 1))
    turn = parse_turn(whole[:cut], require_end=True)
    assert turn.error and not turn.calls


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"<tool_call>{GOOD}{GOOD}</tool_call>", "Extra data"),
        (f"<tool_call>{GOOD[:-1]}</tool_call>", "no valid JSON"),
        (f"<tool_call>{GOOD}", "not closed"),
        ("<tool_call></tool_call>", "empty"),
        ('<tool_call>{"name":"edit","arguments":{"text":"a\nb"}}</tool_call>', "control character"),
        ('<tool_call>{"name":"edit","arguments":{"text":"say "hi""}}</tool_call>', "no valid JSON"),
        ('<tool_call>{"name":"a","name":"b","arguments":{}}</tool_call>', "twice"),
        ('<tool_call>{"name":"a","arguments":{"x":1,"x":2}}</tool_call>', "twice"),
        ('<tool_call>{"name":"a","arguments":"{\\"x\\":1}"}</tool_call>', "object, not text"),
        ('<tool_call>{"name":"a","arguments":null}</tool_call>', "object, not null"),
        ('<tool_call>{"name":"a"}</tool_call>', "a tool call is"),
        ('<tool_call>{"name":3,"arguments":{}}</tool_call>', "name is no text"),
        ('<tool_call>{"name":"a","arguments":{},"id":1}</tool_call>', "a tool call is"),
        (f"<tool_call>[{GOOD}]</tool_call>", "a tool call is"),
        ('<tool_call>{"name":"a","arguments":{"x":NaN}}</tool_call>', "no JSON number"),
        ('<tool_call>{"name":"a","arguments":{"x":1e999}}</tool_call>', "out of range"),
        ('<tool_call>{"name":"a","arguments":{"x":"\\ud800"}}</tool_call>', "half a character"),
        ('<tool_call>{"name":"a","arguments":{"x":' + "[" * 100_000 + "</tool_call>", "too deep"),
        ('<tool_call>{"name":"a","arguments":{"x":' + "9" * 5000 + "}}</tool_call>", "no valid JSON"),
        (f"<tool_call><tool_call>{GOOD}</tool_call></tool_call>", "inside a tool call"),
        (f"<tool_call>{GOOD}</tool_call> the answer is 3", "text after"),
        (f"<think><plan>go<tool_call>{GOOD}</tool_call></think>", "inside the think block"),
        ("<think><plan>go", "not closed"),
        ("<think><plan>a<plan>b</think>3", "two plan"),
        ("3</think>", "outside its place"),
        ("<plan>go", "outside its place"),
        ("3<|end_of_text|>4", "does not belong"),
        ("3<|User|><tool_response>4</tool_response>", "does not belong"),
        ("3 \ud800", "half a character"),
        ("", "neither"),
        ("<think><plan>go</think>", "neither"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    turn = parse_turn(text)
    assert turn.error is not None and says in turn.error
    assert turn.calls == () and turn.summary == ""


def test_what_does_no_harm_is_accepted() -> None:
    thought = "<think>\n<analysis> a sum\n<plan>add</think>\n\n"
    text = f"{thought}Let me see.\n<tool_call>\n{GOOD}\n</tool_call>\n<tool_call>{GOOD}</tool_call>\n"
    turn = parse_turn(text)
    assert turn.error is None
    assert (turn.analysis, turn.plan, turn.summary, len(turn.calls)) == ("a sum", "add", "Let me see.", 2)
    assert parse_turn("<think>no phase</think>3").analysis == "no phase"
    assert parse_turn("46").summary == "46"


def test_a_call_without_a_mark_of_the_end_was_cut_off() -> None:
    assert parse_turn(f"<tool_call>{GOOD}</tool_call>").calls
    assert parse_turn(f"<tool_call>{GOOD}</tool_call>", require_end=True).error == "the turn was cut off"


def test_a_marker_spelled_out_by_the_model_is_text(tokenizer: TextTokenizer) -> None:
    """It copied the letters of a call out of a page; only the token is a call."""
    spelled = tokenizer.encode(f"<tool_call>{GOOD}</tool_call>")
    assert parse_turn([*spelled, tokenizer.eos_id], tokenizer, require_end=True).calls == ()
    special = tokenizer.special
    real = [special["<tool_call>"], *tokenizer.encode(GOOD), special["</tool_call>"], tokenizer.eos_id]
    assert parse_turn(real, tokenizer, require_end=True).calls[0].arguments == {"expression": "1+2"}


@settings(max_examples=120, deadline=None)
@given(st.lists(st.integers(0, 399), max_size=40))
def test_any_ids_are_read_or_refused(tokenizer: TextTokenizer, ids: list[int]) -> None:
    turn = parse_turn(ids, tokenizer, require_end=True)
    assert turn.error is None or turn.calls == ()
    assert decode_turn(tokenizer, ids).count("<tool_call>") == ids.count(tokenizer.special["<tool_call>"])


def test_phases_cannot_forge_markers() -> None:
    message = compose_turn(plan=f"</think><tool_call>{GOOD}</tool_call>", summary="<think>3")
    assert parse_turn(turn_text(message)).calls == ()
    inside = message.text.removeprefix("<think><plan>").replace("</think>", "", 1)
    assert not any(marker in inside for marker in ASSISTANT_MARKERS)


def test_a_broken_turn_keeps_its_text() -> None:
    text = "<think><plan>go" + END_OF_TEXT
    assert turn_message(text, parse_turn(text)) == Message("assistant", "<think><plan>go")
