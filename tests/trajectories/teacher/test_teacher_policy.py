"""Episodes the teacher acts: accepted by the environment alone, refused calls labelled, everything else dropped."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from teacher_server import Answerer, Reply, TeacherServer, completion, teacher_settings

from components.agent.environment import TaskFamily
from components.agent.policies import oracle_turn
from components.core.seeding import named_rng
from components.sandbox import probe
from components.tasks.code.function_repair import FunctionRepairFamily
from components.trajectories.check import find_faults
from components.trajectories.checks.replay import replay
from components.trajectories.episodes import Synthesizer
from components.trajectories.teacher.cache import AnswerCache
from components.trajectories.teacher.client import TeacherClient
from components.trajectories.teacher.corpus import Taught, Teaching
from components.trajectories.teacher.issues import CodeFacts, code_facts, find_leak

Serve = Callable[[Answerer], TeacherServer]
Families = dict[str, TaskFamily]
FAMILY = "math_linear"


def _calls(*calls: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"id": f"c{i}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for i, (name, arguments) in enumerate(calls)
    ]


def _evaluates(expression: str, thought: str) -> Reply:
    return completion("", reasoning_content=thought, tool_calls=_calls(("evaluate", {"expression": expression})))


class Actor:
    """Plays the oracle over HTTP, with a detour where asked: it finds the task by its prompt."""

    def __init__(self, families: Families, detour: Reply | None = None, *, then_silent: bool = False) -> None:
        self.family, self.detour, self.then_silent = families[FAMILY], detour, then_silent
        self.tasks = {task.prompt: task for task in (self.family.sample(seed, "train") for seed in SEEDS)}

    def __call__(self, number: int, body: dict[str, Any]) -> Reply:
        messages = body["messages"][1:]
        task = self.tasks[messages[0]["content"]]
        environment = self.family.start(task)
        oracle = self.family.oracle(task, named_rng("actor", task.id), False)
        step = next(oracle)
        turns = sum(message["role"] == "assistant" for message in messages)
        if self.detour is not None:
            if turns == 1:  # `SEEN` stands for what the first call returned
                return Reply(self.detour.text.replace("SEEN", messages[-1]["content"]))
            if turns > 1 and self.then_silent:
                return completion("I do not know.")
            turns -= turns > 1
        for _ in range(turns):
            assert step.call is not None
            step = oracle.send(environment.execute(step.call))
        thought = oracle_turn(step).text.removeprefix("<think>").split("</think>")[0]
        calls = _calls((step.call.name, step.call.arguments)) if step.call else []
        return completion(step.summary or "", reasoning_content=thought, tool_calls=calls)


SEEDS = range(1_500_000, 1_500_012)


def _act(families: Families, server: TeacherServer, path: Path, **change: Any) -> Taught:
    fields = {"verbalise": False, "policy": {FAMILY: 12}, "max_tokens": 64} | change
    wanted = teacher_settings(**fields)
    synthesizer = Synthesizer(families, "none")
    corpus = [synthesizer.episode(FAMILY, seed, 0.0) for seed in range(1_000_000, 1_000_020)]
    with (
        AnswerCache(path / "answers.sqlite") as cache,
        TeacherClient(server.endpoint(), wanted, cache) as client,
    ):
        return Teaching(families=families, settings=wanted, client=client, seed=1, source_licence="none").run(corpus)


def test_what_the_environment_accepts_becomes_a_record(families: Families, serve: Serve, tmp_path: Path) -> None:
    taught = _act(families, serve(Actor(families)), tmp_path)
    made = [record for record in taught.records if record.provenance.teacher]
    assert len(made) == 12 and {entry.outcome for entry in taught.ledger} == {"accepted"}
    for record, entry in zip(made, taught.ledger, strict=True):
        assert find_faults(record, ()) == {} and replay(record, families) is None
        assert {step.label_source for step in record.steps} == {"verifier"}
        assert record.provenance.cost_usd == entry.cost_usd > 0 and entry.answers == len(record.turns())


def test_a_refused_call_is_wrong_and_its_repair_is_trained(families: Families, serve: Serve, tmp_path: Path) -> None:
    detour = _evaluates("1/0", "<reflection>RecordedObservation: SEEN.")
    taught = _act(families, serve(Actor(families, detour)), tmp_path)
    made = [record for record in taught.records if record.provenance.teacher]
    assert made, [entry.reason for entry in taught.ledger]
    for record in made:
        assert find_faults(record, ()) == {}
        (wrong,) = [step for step in record.steps if step.label == "wrong" and step.phase == "action"]
        repair = [step for step in record.steps if step.label == "recovery"]
        assert wrong.loss == 0 and repair and all(ref.step == wrong.i for step in repair for ref in step.refs)


@pytest.mark.parametrize(
    ("detour", "silent", "reason"),
    [
        (completion("No idea."), False, "verdict"),
        (_evaluates("1/0", ""), True, "verdict"),
        (completion("<tool_call>{", reasoning_content="<reflection>Evaluate."), False, "phases"),
        (
            _evaluates("1+1", "<plan>No."),
            False,
            "phases",
        ),
        (
            _evaluates("1+1", "<reflection>It is 987."),
            False,
            "traces",
        ),
    ],
)
def test_everything_else_is_dropped_and_counted(
    families: Families, serve: Serve, tmp_path: Path, detour: Reply, silent: bool, reason: str
) -> None:
    taught = _act(families, serve(Actor(families, detour, then_silent=silent)), tmp_path)
    assert taught.share == 0 and len(taught.ledger) == 12
    assert {entry.outcome for entry in taught.ledger} == {"rejected"}
    assert {entry.reason.split(":")[0] for entry in taught.ledger} == {reason}
    assert taught.spent_usd > 0


def test_no_more_episodes_than_the_share_allows(families: Families, serve: Serve, tmp_path: Path) -> None:
    taught = _act(families, serve(Actor(families)), tmp_path, share_cap=0.1)
    assert sum(record.provenance.teacher is not None for record in taught.records) == 2 and taught.share <= 0.1


_SOURCE = """def total(values):
    running = 0
    for value in {}:
        running += value
    return running
"""
FACTS = CodeFacts(
    task="code_repair/train/1",
    subject="total",
    prompt="Fix total in task.py.",
    symptom="assert 3 == 6\nwhere 3 = total([1, 2, 3])\n1 failed, 2 passed",
    broken=_SOURCE.format("values[:-1]"),
    right=_SOURCE.format("values"),
)
HONEST = "Calling total([1, 2, 3]) gives 3 although I expect 6. The other tests pass."


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (HONEST, None),
        ("total gives 3.", "length"),
        ("The sum of [1, 2, 3] comes out as 3 although I expect 6.", "subject"),
        (f"{HONEST} Look at line three.", "place"),
        (f"{HONEST} See task.py:3.", "place"),
        (f"{HONEST} The loop ends early.", "place"),
        (f"{HONEST} It should say for value in values:", "code"),
        (f"{HONEST} It also fails for 9.", "facts"),
        (f"{HONEST} I think running is wrong.", "inside"),
    ],
)
def test_an_issue_gives_nothing_away(text: str, kind: str | None) -> None:
    found = find_leak(text, FACTS)
    assert (found or "None").split(":")[0] == str(kind)


@pytest.mark.skipif(not probe().holds_untrusted_code, reason="this machine cannot contain untrusted code")
def test_issues_are_written_from_what_the_tests_print(serve: Serve, tmp_path: Path) -> None:
    family = FunctionRepairFamily()
    families: Families = {family.name: family}
    records = [Synthesizer(families, "none").episode(family.name, seed, 0.0) for seed in range(2)]

    def answer(number: int, body: dict[str, Any]) -> Reply:
        given = body["messages"][1]["content"]
        function = re.match(r"About: (\w+)", given)
        assert function is not None
        honest = f"The tests of {function[1]} do not pass any more; what comes back is not what I expect."
        return completion(honest if len(body["messages"]) > 2 else f"{honest} See line 3.")

    server = serve(answer)
    wanted = teacher_settings(verbalise=False, issues=True)
    with (
        AnswerCache(tmp_path / "answers.sqlite") as cache,
        TeacherClient(server.endpoint(), wanted, cache) as client,
    ):
        teaching = Teaching(families=families, settings=wanted, client=client, seed=1, source_licence="none")
        taught = teaching.run(records)
    assert taught.records == records and len(taught.issues) == 2 and server.requests == 4
    for record, issue in zip(records, taught.issues, strict=True):
        assert issue.task == record.family_id
        facts = code_facts(family.sample(record.task.seed, "train"), family)
        assert facts is not None and find_leak(issue.text, facts) is None
        assert facts.right not in str(server.bodies)


def test_in_a_package_the_faulty_function_is_the_place_to_find() -> None:
    facts = CodeFacts(
        task="code_package/train/1",
        subject="toolz",
        prompt="A test of toolz fails.",
        symptom="assert [1] == [1, 2]\nwhere [1] = list(take(2, [1, 2]))",
        right="    return islice(seq, n)",
        broken="    return islice(seq, n - 1)",
        places=("toolz/itertoolz.py", "partition"),
    )
    issue = "With toolz, list(take(2, [1, 2])) gives [1] and not [1, 2]."
    assert find_leak(issue, facts) is None
    assert str(find_leak(f"{issue} It must be partition.", facts)).startswith("inside")
    assert str(find_leak(f"{issue} Look into toolz/itertoolz.py for it.", facts)).startswith("inside")
    assert str(find_leak(f"{issue} The islice is short.", facts)).startswith("inside")
