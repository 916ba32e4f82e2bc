"""What is trained: only the assistant's own words, never a wrong step, and the ids are exactly the rendering."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.agent.template import ASSISTANT_KINDS, encode_conversation, render_segments, render_text
from components.tokenizer import SPECIAL_TOKENS, TextTokenizer
from components.trajectories.record import (
    Call,
    FinalAnswer,
    Provenance,
    Record,
    RecordedObservation,
    Step,
    TaskFacts,
    Tool,
    Verdict,
    VerdictCheck,
    content_sha,
    to_messages,
)
from components.trajectories.tokenize import encode_records
from components.trajectories.weights import weigh

words = st.lists(st.one_of(st.text(max_size=12), st.sampled_from(SPECIAL_TOKENS)), max_size=4).map("".join)
nonempty = words.filter(lambda text: text.strip() != "")
weights = st.sampled_from([0.0, 0.1, 0.5, 1.0])


@st.composite
def any_record(draw: st.DrawFn) -> Record:
    """A record of any words, markers and all, with wrong turns anywhere."""
    steps: list[Step] = []

    def add(phase: str, text: str, wrong: bool, **more: object) -> None:
        label, loss = ("wrong", 0.0) if wrong else ("good", 1.0)
        steps.append(Step(i=len(steps), phase=phase, text=text, label=label, loss=loss, **more))

    for turn in range(draw(st.integers(1, 3))):
        wrong = draw(st.booleans())
        add("reflection" if turn else "analysis", draw(nonempty), wrong)
        if draw(st.booleans()):
            add("plan", draw(nonempty), wrong)
        content, arguments = draw(words), {"text": draw(words)}
        call = Call(id=f"c{turn}", name="tool", args=arguments)
        seen = RecordedObservation(call_id=call.id, status="ok", content=content, sha=content_sha(content))
        add("action", "", wrong, calls=(call,), obs=(seen,))
    add("summary", draw(nonempty), False)
    tool = Tool(
        name="tool",
        description=draw(words),
        json_schema={"type": "object", "properties": {"text": {"type": "string"}}},
        schema_sha="",
    )
    return Record(
        id="x",
        family_id="x",
        domain="tool",
        task=TaskFacts(prompt=draw(nonempty), generator="any", gen_version="1", seed=0, split="train"),
        tools=(tool,),
        steps=tuple(steps),
        answer=FinalAnswer(value=steps[-1].text),
        verdict=Verdict(outcome="success", checks=(VerdictCheck(name="environment", passed=True),)),
        provenance=Provenance(licence="Apache-2.0", source_uri="generator:any"),
    )


@settings(max_examples=150, deadline=None)
@given(record=any_record(), observation_weight=weights, action_weight=st.sampled_from([0.5, 1.0, 2.0]))
def test_ids_weights_and_spans(
    tokenizer: TextTokenizer, record: Record, observation_weight: float, action_weight: float
) -> None:
    (encoded,) = encode_records(tokenizer, [record], observation_weight=observation_weight, action_weight=action_weight)
    messages, tools = to_messages(record), record.specs()
    segments = render_segments(messages, tools)
    assert tokenizer.decode(encoded.ids.tolist()) == render_text(messages, tools)
    assert encoded.ids.tolist() == encode_conversation(tokenizer, messages, tools)
    assert (encoded.ids.dtype, encoded.weights.dtype) == (np.uint32, np.float16)
    assert len(encoded.ids) == len(encoded.weights)
    # spans tile the ids, one a segment, and each is its segment's text
    assert len(encoded.spans) == len(segments)
    assert encoded.spans[0][0] == 0 and encoded.spans[-1][1] == len(encoded.ids)
    assert all(before[1] == after[0] for before, after in zip(encoded.spans, encoded.spans[1:], strict=False))
    wrong = [any(step.label == "wrong" for step in turn) for turn in record.turns()]
    for segment, (start, end) in zip(segments, encoded.spans, strict=True):
        assert tokenizer.decode(encoded.ids[start:end].tolist()) == segment.text
        found = encoded.weights[start:end]
        if segment.kind == "observation" and not segment.special:
            expected = observation_weight
        elif segment.kind not in ASSISTANT_KINDS or wrong[segment.step]:
            expected = 0.0
        else:
            expected = action_weight if segment.kind == "action" else 1.0
        assert np.all(found == np.float16(expected)), (segment, found)


@settings(max_examples=30, deadline=None)
@given(record=any_record())
def test_the_end_of_a_turn_is_trained_exactly_where_the_turn_is(tokenizer: TextTokenizer, record: Record) -> None:
    (encoded,) = encode_records(tokenizer, [record], observation_weight=0.0, action_weight=1.0)
    ends = encoded.weights[encoded.ids == tokenizer.eos_id]
    assert ends.tolist() == [0.0 if any(step.label == "wrong" for step in turn) else 1.0 for turn in record.turns()]
    assert encoded.ids[0] == tokenizer.bos_id and encoded.ids[-1] == tokenizer.eos_id


def test_a_wrong_turn_stays_in_sight_and_its_recovery_is_trained(records: list[Record]) -> None:
    branched = [record for record in records if any(step.label == "wrong" for step in record.steps)]
    assert {record.domain for record in branched} >= {"math", "research"}
    for record in branched:
        weighted = weigh(record, observation_weight=0.0, action_weight=1.0)
        by_turn = {item.segment.step: 0.0 for item in weighted}
        for item in weighted:
            if item.segment.kind in ASSISTANT_KINDS:
                by_turn[item.segment.step] += item.weight
        for number, turn in enumerate(record.turns()):
            assert (by_turn[number] == 0) == any(step.label == "wrong" for step in turn)
        text = "".join(item.segment.text for item in weighted)
        assert all(step.text in text for step in record.steps if step.label == "wrong")
