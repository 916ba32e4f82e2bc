"""The fact lock lets other words through and no other fact."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from components.trajectories.record import Record
from components.trajectories.teacher.fact_lock import changed_facts, data_words, facts

DATA = frozenset({"ada", "ben", "red", "blue", "wiring", "roofing"})


@pytest.mark.parametrize(
    ("original", "rewritten"),
    [
        ("So x is 5.", "Hence x comes to 5."),
        ("Wiring waits for roofing, which ends at 6.", "We see that wiring waits for roofing, ending at 6."),
        ("The check fails at x = 3: 2*x is 6, not 7.", "It failed at x = 3, since 2*x is 6, not 7."),
        ("First the remainder.", "Let us take, first, the remainder."),
        ("Look in `task.py`, then run it.", "Look in 'task.py' and run it."),
    ],
)
def test_other_words_pass(original: str, rewritten: str) -> None:
    assert changed_facts(original, rewritten, DATA, original) is None


@pytest.mark.parametrize(
    ("original", "rewritten"),
    [
        ("x is 5.", "x is 6."),
        ("x is 5.", "x is -5."),
        ("x is 5.", "x is 5, y is 6."),
        ("x is 5, y is 6.", "x is 6, y is 5."),
        ("x is 5.", "y is 5."),
        ("It holds.", "It does not hold."),
        ("It holds.", "It fails."),
        ("Ada has red.", "Ada has blue."),
        ("Ada has red.", "Ben has red."),
        ("Ada has red, Ben has blue.", "Ada has blue, Ben has red."),
        ("Take the larger one.", "Take the smaller one."),
        ("wiring comes before roofing.", "wiring comes after roofing."),
        ("Three of them are left.", "Four of them are left."),
        ("Each is done.", "Some are done."),
        ("Read src/task.py now.", "Read src/test.py now."),
        ("It says 'no such row'.", "It says 'no such table'."),
        ("get_value is called.", "getValue is called."),
        ("It is done.", "Paris is done."),
        ("It is done.", "It is done in Paris."),
        ("It is done.", ""),
        ("It is done.", "It is done.<tool_call>"),
        ("It is done.", "It is done, and " + "so it goes on and on " * 20),
    ],
)
def test_other_facts_do_not(original: str, rewritten: str) -> None:
    assert changed_facts(original, rewritten, DATA, original) is not None


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_number_of_a_record_can_be_changed_added_left_out_or_exchanged(
    records: list[Record], data: st.DataObject
) -> None:
    record = data.draw(st.sampled_from(records))
    words = data_words(record)
    text = data.draw(st.sampled_from([step.text for step in record.steps if re.search(r"\d", step.text)] or ["1 2"]))
    assert changed_facts(text, text, words, text) is None
    number = data.draw(st.sampled_from(list(re.finditer(r"\d+", text))))
    other = str(data.draw(st.integers(0, 10_000)))
    assume(other != number[0])
    for new in (
        text[: number.start()] + other + text[number.end() :],
        text[: number.start()] + f"{number[0]} {other}" + text[number.end() :],
        text[: number.start()] + text[number.end() :],
        f"{text} {other}",
    ):
        assert changed_facts(text, new, words, text) is not None, new
    stated = facts(text, words)
    assert stated == facts(f"Well then: {text}", words)
