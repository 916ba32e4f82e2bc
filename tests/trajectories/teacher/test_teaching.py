"""A whole corpus at a server that does what it likes: facts stay, sums add up, a rerun asks nothing."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from teacher_server import Answerer, Reply, TeacherServer, completion, lying, reworded, teacher_settings, texts_of

from components.agent.environment import TaskFamily
from components.core.errors import BadInput
from components.core.lineage import read_manifest, sha256_file, verify
from components.core.params import TeacherSettings
from components.trajectories.checks.record import RECORD_CHECKS
from components.trajectories.checks.replay import replay
from components.trajectories.record import Record, read_records
from components.trajectories.teacher.cache import AnswerCache
from components.trajectories.teacher.client import TeacherClient
from components.trajectories.teacher.corpus import Taught, Teaching, read_settings, write_taught
from components.trajectories.teacher.fact_lock import data_words, facts
from components.trajectories.teacher.ledger import summarise
from components.trajectories.teacher.settings import TeacherEndpoint

Serve = Callable[[Answerer], TeacherServer]
Families = dict[str, TaskFamily]
FAULTS = ("right", "lie", "refuse", "empty", "null", "cut", "prose", "partial", "429", "500", "truncated", "400")


def _teach(
    families: Families, records: list[Record], endpoint: TeacherEndpoint, wanted: TeacherSettings, path: Path
) -> tuple[Taught, TeacherClient]:
    with (
        AnswerCache(path / "answers.sqlite") as cache,
        TeacherClient(endpoint, wanted, cache) as client,
    ):
        teaching = Teaching(families=families, settings=wanted, client=client, seed=1, source_licence="none")
        return teaching.run(records), client


def _fault(name: str, body: dict[str, Any], usage: tuple[int, int]) -> Reply:
    texts = texts_of(body)
    match name:
        case "right":
            return completion(reworded(texts), usage=usage)
        case "lie":
            return completion(lying(texts), usage=usage)
        case "refuse":
            return completion("I'm sorry, but I cannot help with that.", usage=usage)
        case "empty":
            return completion("  ", usage=usage)
        case "null":
            return completion(None, usage=usage)
        case "cut":
            return completion(reworded(texts)[:-5], finish="length", usage=usage)
        case "prose":
            return completion(" ".join(texts.values()), usage=usage)
        case "partial":
            return completion(reworded(dict(list(texts.items())[1:])), usage=usage)
        case "truncated":
            return Reply('{"choices": [{"message": {"content": "Th')
        case "429":
            return Reply("", status=429, headers=(("Retry-After", "0.01"),))
    return Reply("no", status=int(name))


def _stays_true(before: Record, after: Record, families: Families) -> None:
    """Everything but trained prose is as it was, and the prose states the same."""
    assert [check(after) for check in RECORD_CHECKS.values()] == [None] * len(RECORD_CHECKS)
    assert replay(after, families) is None
    assert (after.task, after.tools, after.verdict, after.domain) == (
        before.task,
        before.tools,
        before.verdict,
        before.domain,
    )
    words = data_words(before)
    for one, other in zip(before.steps, after.steps, strict=True):
        assert one.model_copy(update={"text": ""}) == other.model_copy(update={"text": ""})
        assert facts(one.text, words) == facts(other.text, words)
        assert one.text == other.text or (one.loss > 0 and one.phase != "action")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), faults=st.sets(st.sampled_from(FAULTS), min_size=1), cap_usd=st.floats(0, 0.2))
def test_whatever_the_server_does_facts_stay_and_sums_add_up(
    records: list[Record],
    families: Families,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    faults: set[str],
    cap_usd: float,
) -> None:
    path = tmp_path_factory.mktemp("cache")
    paid, attempts = [0, 0], Counter[str]()

    def answer(number: int, body: dict[str, Any]) -> Reply:
        asked = json.dumps(body)  # what is answered depends on this alone, not on the order threads ask in
        attempts[asked] += 1
        rng = random.Random(f"{seed} {attempts[asked]} {asked}")
        usage = (rng.randint(0, 300), rng.randint(0, 400))
        reply = _fault(rng.choice(sorted(faults)), body, usage)
        if reply.text.startswith('{"choices": [{"message": {"role"'):
            paid[0] += usage[0]
            paid[1] += usage[1]
        return reply

    server, wanted = TeacherServer(answer), teacher_settings(cost_cap_usd=cap_usd)
    corpus = records[::2]
    try:
        taught, _ = _teach(families, corpus, server.endpoint(), wanted, path)
    except BadInput:  # no answer in all attempts: nothing was written, what was answered is kept
        assert faults & {"429", "500", "truncated"}
        return
    finally:
        server.stop()
    assert taught.spent_usd <= cap_usd
    assert taught.spent_usd == pytest.approx(wanted.cost_usd(*paid), abs=1e-7)
    changed = [(one, other) for one, other in zip(corpus, taught.records, strict=True) if one != other]
    accepted = {entry.record: entry for entry in taught.ledger if entry.outcome == "accepted"}
    assert {after.id for _, after in changed} == set(accepted)
    for before, after in changed:
        _stays_true(before, after, families)
        assert after.provenance.teacher == "stub@r1"
        assert after.provenance.cost_usd == accepted[after.id].cost_usd
        assert after.provenance.cache_key == accepted[after.id].cache_key
    requests = server.requests
    again, client = _teach(families, corpus, TeacherEndpoint(url="http://127.0.0.1:1/v1", attempts=1), wanted, path)
    assert client.requests == 0 and requests >= len(changed)
    assert (again.records, again.ledger) == (taught.records, taught.ledger)


def test_a_lie_is_repaired_once_or_the_original_stays(
    records: list[Record], families: Families, serve: Serve, tmp_path: Path
) -> None:
    def answer(number: int, body: dict[str, Any]) -> Reply:
        texts = texts_of(body)
        repaired = len(body["messages"]) > 2
        assert not repaired or "This was refused: facts:" in body["messages"][-1]["content"]
        return completion(reworded(texts) if repaired else lying(texts))

    server = serve(answer)
    taught, client = _teach(families, records, server.endpoint(), teacher_settings(), tmp_path)
    assert {entry.outcome for entry in taught.ledger} == {"accepted"} and client.requests == 2 * len(records)
    assert all(entry.repaired and entry.cost_usd == pytest.approx(2 * 90e-6) for entry in taught.ledger)
    hopeless = serve(lambda number, body: completion(lying(texts_of(body))))
    taught, _ = _teach(families, records, hopeless.endpoint(), teacher_settings(revision="r2"), tmp_path)
    assert taught.records == records and hopeless.requests == 2 * len(records)
    summary = summarise(taught.ledger)["verbalise"]
    assert summary["rejected"] == len(records) and summary["reasons"] == {"facts": len(records)}
    assert summary["usd"] == summary["usd_in_vain"] == pytest.approx(taught.spent_usd)


def test_money_lost_on_attempts_without_an_answer_is_lost_in_a_rerun_too(
    records: list[Record], families: Families, serve: Serve, tmp_path: Path
) -> None:
    corpus = records[:1]
    served = serve(lambda number, body: completion(lying(texts_of(body))))
    bound_usd = _bound_of_a_request_usd(corpus, families, served, tmp_path / "measured")
    server = serve(lambda number, body: Reply("{") if number == 1 else completion(lying(texts_of(body))))
    wanted = teacher_settings(cost_cap_usd=2.01 * bound_usd)
    taught, client = _teach(families, corpus, server.endpoint(), wanted, tmp_path)
    assert client.requests == 2 and [entry.outcome for entry in taught.ledger] == ["unfunded"]
    again, client = _teach(families, corpus, server.endpoint(), wanted, tmp_path)
    assert client.requests == 0 and again.ledger == taught.ledger


def _bound_of_a_request_usd(corpus: list[Record], families: Families, server: TeacherServer, path: Path) -> float:
    """The least cap under which the first request is made, to a part in a thousand."""
    low, high = 0.0, 0.1
    while high - low > high / 1000:
        cap_usd = (low + high) / 2
        taught, _ = _teach(families, corpus, server.endpoint(), teacher_settings(cost_cap_usd=cap_usd), path)
        low, high = (low, cap_usd) if taught.ledger[0].answers else (cap_usd, high)
    return high


def test_the_share_is_capped_and_written_down(
    records: list[Record], families: Families, serve: Serve, tmp_path: Path
) -> None:
    server = serve(lambda number, body: completion(reworded(texts_of(body))))
    wanted = teacher_settings(share_cap=0.2, licence="CC-BY-4.0")
    hashes = []
    for name in ("one", "two"):
        taught, _ = _teach(families, records, server.endpoint(), wanted, tmp_path)
        assert taught.share == 0.2 and server.requests == len(records) // 5
        write_taught(tmp_path / name, taught, wanted, {"seed": 1})
        manifest = read_manifest(tmp_path / name, "teach")
        verify(tmp_path / name, manifest)
        assert manifest.facts["teacher"] == {"name": "stub@r1", "licence": "CC-BY-4.0", "share": 0.2}
        assert sorted(record.id for record in read_records(tmp_path / name)) == sorted(r.id for r in taught.records)
        licences = {r.provenance.licence for r in taught.records if r.provenance.teacher}
        assert all(licence.endswith("AND CC-BY-4.0") for licence in licences) and licences
        hashes.append(sha256_file(tmp_path / name / "manifest.json"))
    assert hashes[0] == hashes[1], "a rerun writes the same bytes"
    assert len((tmp_path / "one" / "ledger.jsonl").read_text().splitlines()) == len(taught.ledger)


def test_branches_and_their_parents_stay_as_they_are(
    records: list[Record], families: Families, serve: Serve, tmp_path: Path
) -> None:
    parent = {"id": records[0].id, "at_step": 1, "kind": "alternate"}
    branch = Record.model_validate(records[1].model_dump(mode="json") | {"parent": parent}).identified()
    server = serve(lambda number, body: completion(reworded(texts_of(body))))
    taught, _ = _teach(families, [records[0], branch, records[2]], server.endpoint(), teacher_settings(), tmp_path)
    assert taught.records[:2] == [records[0], branch] and taught.records[2] != records[2]


def test_settings_are_refused_by_name() -> None:
    fields = teacher_settings().model_dump(mode="json")
    for change, message in (
        ({"share_cap": 2}, "share_cap = 2"),
        ({"modle": "x"}, "did you mean 'model'"),
        ({"verbalise": False}, "give the teacher a role"),
        ({"cost_cap_usd": -1}, "cost_cap_usd = -1"),
        ({"prompt_version": "9"}, "prompt_version = '9'"),
    ):
        with pytest.raises(BadInput, match=message):
            read_settings(fields | change, "teacher.yaml")
    with pytest.raises(BadInput, match="share_cap: missing"):
        read_settings({name: value for name, value in fields.items() if name != "share_cap"}, "teacher.yaml")
    assert json.loads(json.dumps(fields))["model"] == "stub"
