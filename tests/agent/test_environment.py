"""Calls are judged by their schema before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.agent.calculator import CALCULATOR
from components.agent.environment import Observation, OracleStep, ToolEnvironment, call_fault
from components.agent.messages import ToolCall, ToolSpec
from components.agent.toolbox import TOOLBOX, Toolbox

EDIT = ToolSpec(
    name="edit",
    description="",
    parameters={
        "type": "object",
        "properties": {"line": {"type": "integer", "minimum": 1}, "text": {"type": "string"}},
        "required": ["line"],
    },
)


@dataclass
class Recorder(ToolEnvironment):
    ran: list[ToolCall] = field(default_factory=list)

    def run(self, call: ToolCall) -> Observation:
        self.ran.append(call)
        return Observation(status="ok", content="done")

    def verify(self, answer: str) -> bool:
        return True


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("delete", {}, "no tool 'delete'; tools: edit"),
        ("edit", {}, "'line' is a required property"),
        ("edit", {"line": "3"}, "line: '3' is not of type 'integer'"),
        ("edit", {"line": 3.5}, "line: 3.5 is not of type 'integer'"),
        ("edit", {"line": True}, "line: True is not of type 'integer'"),
        ("edit", {"line": 0}, "line: 0 is less than the minimum"),
        ("edit", {"line": 1, "force": True}, "'force' was unexpected"),
        ("edit", {"line": 1, "text": "x" * 10_000 + "\n", "y": 1}, "'y' was unexpected"),
        ("edit", {"line": 1, "text": ["x" * 10_000]}, "..."),
    ],
)
def test_an_invalid_call_never_runs(name: str, arguments: dict[str, Any], says: str) -> None:
    environment = Recorder(tools=(EDIT,))
    seen = environment.execute(ToolCall(name=name, arguments=arguments))
    assert seen.status == "error" and says in seen.content and len(seen.content) < 200
    assert environment.ran == [] and environment.executed == []


def test_a_valid_call_runs_once() -> None:
    environment = Recorder(tools=(EDIT,))
    call = ToolCall(name="edit", arguments={"line": 1})
    assert environment.execute(call).content == "done"
    assert environment.ran == [call]


@given(st.text(), st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.text())))
def test_a_call_is_judged_whatever_it_holds(name: str, arguments: dict[str, Any]) -> None:
    assert isinstance(call_fault(ToolCall(name=name, arguments=arguments), (EDIT, CALCULATOR)), str | None)
    assert call_fault(ToolCall(name="edit", arguments={"line": 3, "text": name}), (EDIT,)) is None


def test_a_step_either_calls_or_ends() -> None:
    with pytest.raises(AssertionError):
        OracleStep(plan="nothing")
    with pytest.raises(AssertionError):
        OracleStep(call=ToolCall(name="edit", arguments={}), summary="done")


def test_errors_are_shown_as_such() -> None:
    assert Observation(status="ok", content="3").render() == "3"
    assert Observation(status="timeout", content="too long").render() == "timeout: too long"


def test_the_toolbox_runs_every_tool(knowledge: Any) -> None:
    box = Toolbox(tools=TOOLBOX, knowledge=knowledge)
    assert box.execute(ToolCall(name="calculator", arguments={"expression": "6*7"})).content == "42"
    assert "Paris" in box.execute(ToolCall(name="search", arguments={"query": "capital of France"})).content
    assert Toolbox(tools=TOOLBOX).execute(ToolCall(name="search", arguments={"query": "x"})).status == "denied"
