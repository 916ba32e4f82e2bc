"""Every invariant holds for what the oracles make, and every seeded violation is caught by its check."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from components.agent.environment import TaskFamily
from components.trajectories.check import CHECK_NAMES, Rules, find_faults, judge_line, judge_together
from components.trajectories.checks.record import RECORD_CHECKS
from components.trajectories.checks.replay import replay
from components.trajectories.record import Record, content_sha, parse_record

Tree = dict[str, Any]
HELD_OUT = ("arithmetic_three_terms",)


def find(records: list[Record], family: str, *, wrong: bool) -> Record:
    """A record of the family, with a wrong branch or without."""
    return next(
        record
        for record in records
        if record.task.generator == family and any(step.label == "wrong" for step in record.steps) == wrong
    )


def edited(record: Record, edit: Callable[[Tree], None], *, keep_id: bool = False) -> Record:
    tree = record.model_dump(mode="json")
    edit(tree)
    changed = Record.model_validate(tree)
    return changed if keep_id else changed.identified()


def renumber(tree: Tree) -> None:
    for number, step in enumerate(tree["steps"]):
        step["i"] = number


def test_oracles_make_sound_records(records: list[Record]) -> None:
    assert {record.task.generator: {} for record in records}.keys() >= {"arithmetic_add", "factbook_field"}
    assert [(record.id, faults) for record in records if (faults := find_faults(record, HELD_OUT))] == []


def test_records_replay(records: list[Record], families: Mapping[str, TaskFamily]) -> None:
    sample = [record for record in records if record.task.seed % 3 == 0 or record.domain == "code"]
    assert [(record.id, fault) for record in sample if (fault := replay(record, families))] == []


def _steps(which: str, text: str | None = None, **change: Any) -> Callable[[Tree], None]:
    """Edit the first step of a phase."""

    def edit(tree: Tree) -> None:
        step = next(step for step in tree["steps"] if step["phase"] == which)
        step.update(({} if text is None else {"text": text}) | change)

    return edit


def _action(**change: Any) -> Callable[[Tree], None]:
    """Edit the first call."""
    return lambda tree: next(step for step in tree["steps"] if step["calls"])["calls"][0].update(change)


def _observe(content: str, *, with_sha: bool = True) -> Callable[[Tree], None]:
    def edit(tree: Tree) -> None:
        seen = next(step for step in tree["steps"] if step["obs"])["obs"][0]
        seen["content"] = content
        if with_sha:
            seen["sha"] = content_sha(content)

    return edit


def _drop(phase: str) -> Callable[[Tree], None]:
    def edit(tree: Tree) -> None:
        index = next(step["i"] for step in tree["steps"] if step["phase"] == phase)
        del tree["steps"][index]
        renumber(tree)

    return edit


def _repeat_summary(tree: Tree) -> None:
    tree["steps"].append(dict(tree["steps"][-1]))
    renumber(tree)


def _plan_without_reflection(tree: Tree) -> None:
    index = max(step["i"] for step in tree["steps"] if step["phase"] == "action")
    tree["steps"][index + 1 : -1] = []
    tree["steps"][-1:-1] = [{**tree["steps"][0], "phase": "plan", "text": "More."}]
    renumber(tree)


def _twin_call(tree: Tree) -> None:
    step = next(step for step in tree["steps"] if step["calls"])
    step["calls"], step["obs"] = step["calls"] * 2, step["obs"] * 2


def _no_recovery(tree: Tree) -> None:
    for step in tree["steps"]:
        if step["label"] == "recovery":
            step.update(label="good", refs=[])


def _first_wrong(**change: Any) -> Callable[[Tree], None]:
    return lambda tree: next(step for step in tree["steps"] if step["label"] == "wrong").update(change)


def _first_recovery(**change: Any) -> Callable[[Tree], None]:
    return lambda tree: next(step for step in tree["steps"] if step["label"] == "recovery").update(change)


def _all_of_a_turn(label: str, **change: Any) -> Callable[[Tree], None]:
    def edit(tree: Tree) -> None:
        for step in tree["steps"]:
            if step["label"] == label:
                step.update(change)

    return edit


_SPAN = {"claim": "It is so", "doc": "france/people", "sha": "0" * 64, "span": [0, 4]}


def _foretell(tree: Tree) -> None:
    """The plan knows what only the observation brings."""
    _observe("7391")(tree)
    _steps("plan", "It must be 7391.")(tree)


def _succeed_after_an_error(tree: Tree) -> None:
    next(step for step in tree["steps"] if step["obs"])["obs"][0]["status"] = "error"
    _steps("reflection", "The calculator works, all is as expected.")(tree)


def _unit(tree: Tree) -> None:
    tree["steps"][-1]["text"] += " 5 kg"
    tree["answer"]["value"] = tree["steps"][-1]["text"]


def _turn_twice(tree: Tree) -> None:
    action = next(step for step in tree["steps"] if step["calls"])
    again = json.loads(json.dumps(action))
    again["calls"][0]["id"] = again["obs"][0]["call_id"] = "c77"
    tree["steps"].insert(action["i"] + 1, again)
    renumber(tree)


VIOLATIONS: list[tuple[str, str, bool, Callable[[Tree], None]]] = [
    ("phase_grammar", "arithmetic_add", False, _drop("analysis")),
    ("phase_grammar", "arithmetic_add", False, _plan_without_reflection),
    ("phase_grammar", "arithmetic_add", False, _steps("analysis", "  ")),
    ("phase_grammar", "arithmetic_add", False, _steps("plan", None, i=7)),
    ("phase_grammar", "arithmetic_add", False, _steps("plan", None, phase="reflection")),
    ("terminal_step", "arithmetic_add", False, _drop("summary")),
    ("terminal_step", "arithmetic_add", False, _repeat_summary),
    ("terminal_step", "arithmetic_add", False, lambda tree: tree["answer"].update(value="something else")),
    ("observations", "arithmetic_add", False, _steps("action", None, obs=[])),
    ("observations", "arithmetic_add", False, _twin_call),
    ("observations", "arithmetic_add", False, _steps("plan", None, calls=[{"id": "c9", "name": "x", "args": {}}])),
    ("observations", "arithmetic_add", False, _action(id="c9")),
    ("observations", "arithmetic_add", False, _observe("123", with_sha=False)),
    ("arguments", "arithmetic_add", False, _action(name="phantom")),
    ("arguments", "arithmetic_add", False, _action(args={"expression": 3})),
    ("arguments", "arithmetic_add", False, _action(args={})),
    ("arguments", "arithmetic_add", False, _action(args={"expression": "1+1", "precision": 2})),
    ("arguments", "factbook_field", False, lambda tree: tree["tools"][0]["schema"].update(required=[])),
    ("traces", "arithmetic_add", False, _steps("reflection", "The tool says 987654.")),
    ("traces", "factbook_field", False, _steps("reflection", "Found in notes/answer.txt.")),
    ("traces", "arithmetic_multiply", False, lambda tree: tree["steps"][-1].update(text="It is 4711999.")),
    ("citations", "arithmetic_add", False, lambda tree: tree["answer"].update(citations=[_SPAN])),
    ("hindsight", "factbook_field", False, _foretell),
    ("reflections", "arithmetic_add", False, _steps("reflection", "Looks good.")),
    ("contradictions", "arithmetic_add", False, _succeed_after_an_error),
    ("units", "arithmetic_add", False, _unit),
    ("voice", "arithmetic_add", False, _steps("plan", "Certainly! Let me help.")),
    ("secrets", "arithmetic_add", False, _steps("plan", "Write to jo@mail.net.")),
    ("loops", "arithmetic_add", False, _turn_twice),
    ("leaks", "arithmetic_add", False, lambda tree: tree["task"].update(prompt="The gold answer is known.")),
    ("wrong_steps", "arithmetic_add", True, _first_wrong(loss=1.0)),
    ("wrong_steps", "arithmetic_add", True, _no_recovery),
    ("wrong_steps", "arithmetic_add", True, _first_wrong(label="good", loss=1.0)),
    ("wrong_steps", "arithmetic_add", True, _first_recovery(refs=[])),
    ("wrong_steps", "arithmetic_add", True, _first_recovery(refs=[{"step": 99}])),
    ("wrong_steps", "factbook_field", True, _first_recovery(loss=0.0)),
    ("wrong_steps", "factbook_field", True, _all_of_a_turn("wrong", loss=0.3)),
    ("verdict", "arithmetic_add", False, lambda tree: tree["verdict"].update(outcome="failure")),
    ("verdict", "arithmetic_add", False, lambda tree: tree["verdict"].update(checks=[])),
    (
        "verdict",
        "arithmetic_add",
        False,
        lambda tree: tree["verdict"].update(outcome="failure", checks=[{"name": "environment", "pass": False}]),
    ),
    ("licence", "arithmetic_add", False, lambda tree: tree["provenance"].update(licence=" ")),
    ("split", "arithmetic_add", False, lambda tree: tree["task"].update(split="heldout")),
    ("split", "arithmetic_add", False, lambda tree: tree["task"].update(generator=HELD_OUT[0])),
]


@pytest.mark.parametrize(("check", "family", "wrong", "edit"), VIOLATIONS)
def test_a_seeded_violation_is_caught(
    records: list[Record], check: str, family: str, wrong: bool, edit: Callable[[Tree], None]
) -> None:
    record = find(records, family, wrong=wrong)
    assert find_faults(record, HELD_OUT) == {}
    assert check in find_faults(edited(record, edit), HELD_OUT)


def test_every_check_has_a_violation() -> None:
    assert {check for check, *_ in VIOLATIONS} | {"content_id"} == {*RECORD_CHECKS, "split"}
    assert set(CHECK_NAMES) >= set(RECORD_CHECKS)


def test_an_edit_without_a_new_id_is_caught(records: list[Record]) -> None:
    record = edited(records[0], lambda tree: tree["task"].update(prompt="What is 1 + 1?"), keep_id=True)
    assert "content_id" in find_faults(record, HELD_OUT)


@pytest.mark.parametrize(
    ("family", "edit"),
    [
        ("arithmetic_add", _observe("123456")),
        ("arithmetic_add", _action(args={"expression": "1+1"})),
        ("factbook_field", _observe("Atlantis, capital: Poseidonis")),
        ("arithmetic_add", lambda tree: tree["task"].update(prompt="What is 1 + 1?")),
        ("arithmetic_add", lambda tree: tree["task"].update(seed=10**9)),
        ("arithmetic_add", lambda tree: tree["task"].update(generator="unheard_of")),
        ("arithmetic_add", lambda tree: tree["task"].update(gen_version="0")),
        ("arithmetic_add", lambda tree: tree["verdict"].update(outcome="failure")),
        ("factbook_field", lambda tree: tree["tools"][0].update(description="Other words")),
    ],
)
def test_a_made_up_episode_does_not_replay(
    records: list[Record], families: Mapping[str, TaskFamily], family: str, edit: Callable[[Tree], None]
) -> None:
    record = find(records, family, wrong=False)
    assert replay(record, families) is None
    assert replay(edited(record, edit), families) is not None


def test_a_last_digit_may_be_derived_but_must_be_right(records: list[Record]) -> None:
    record = find(records, "arithmetic_add", wrong=True)
    expression = next(call.args["expression"] for step in reversed(record.steps) for call in step.calls)
    left, right = map(int, expression.split("+"))
    digit = (left + right) % 10
    for claimed, sound in ((digit, True), ((digit + 1) % 10, False)):
        text = f"{left}+{right} ends in {claimed}."
        known = str(claimed) in (str(left), str(right))
        fault = RECORD_CHECKS["traces"](edited(record, _first_recovery(text=text)))
        assert (fault is None) == (sound or known)


def test_lines_that_are_no_record_and_twins_are_found(
    records: list[Record], families: Mapping[str, TaskFamily]
) -> None:
    good = records[0].model_dump_json()
    lines = [good, good, good.replace("traj/1", "traj/9"), "{", good.replace('"analysis"', '"musing"')]
    shards = [("arithmetic_add.jsonl.zst", number, line) for number, line in enumerate(lines, start=1)]
    rules = Rules(held_out_families=HELD_OUT, windows={})
    judged = judge_together([judge_line(families, *shard, rules=rules) for shard in shards])
    assert [sorted(item.faults) for item in judged] == [[], ["unique_id"], ["schema"], ["schema"], ["schema"]]
    assert set(CHECK_NAMES) >= {name for item in judged for name in item.faults}
    assert parse_record(good)[0] == records[0]
