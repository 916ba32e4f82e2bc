"""The stage `curate` with the real datatrove: what was planted is caught, what is clean stays, bytes repeat."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import BadInput
from components.core.lineage import read_manifest, verify
from components.corpus.curate import CURATED, METRICS, REMOVED, run, split
from components.corpus.curation.decontamination import TASKS
from components.corpus.documents import Document, read_documents, text_id
from components.corpus.ingest import RAW
from components.corpus.quarantine import QUARANTINE, write_quarantine
from tests.corpus.conftest import Context, make_document, prose, run_in, with_corpus, write_raw

QUESTION = "Which of the seven bridges that cross the river Pregel in the old town was closed by the mayor in 1736"
CODE = """'''Module {number}.'''


def shift_{number}(values: list[int]) -> list[int]:
    return [value + {number} for value in values]
"""


def poem(number: int) -> str:
    return "\n".join(
        "".join(chr(0x4E00 + (number * 7919 + line * 631 + i * 97) % 8000) for i in range(7)) for line in range(40)
    )


def clean_corpus() -> list[Document]:
    return [
        *(make_document(prose(number), path=f"prose/{number}") for number in range(30)),
        *(make_document(prose(100 + n), domain="encyclopedic", path=f"facts/{n}") for n in range(6)),
        *(make_document(prose(200 + n), domain="stem", path=f"stem/{n}") for n in range(6)),
        *(make_document(prose(300 + 20 * n, 50), domain="books", path=f"books/{n}") for n in range(2)),
        *(make_document(poem(n), domain="chinese", language="zh", path=f"poem/{n}") for n in range(6)),
        *(make_document(CODE.format(number=n), domain="code", language="python", path=f"code/{n}") for n in range(6)),
    ]


def planted() -> dict[str, Document]:
    """Documents that must go, by the reason they must go for; each is another text."""
    near = prose(3).replace("the", "that", 1)
    noise = "buy now cheap offer " * 60
    return {
        "short": make_document("Too short."),
        "non_alpha": make_document("12.5 % 13.5 % 14.5 % total " * 20, domain="stem"),
        "language": make_document("Der alte Mann ging am Abend durch den dunklen Wald nach Hause. " * 8),
        "code_syntax": make_document(CODE.format(number=99).replace(":", ""), domain="code", language="python"),
        "gopher_enough_stop_words": make_document("Cats purr softly on warm mats near old brick walls. " * 9),
        "dup_line_frac": make_document(("The same line of this text.\n" * 20) + prose(4), domain="encyclopedic"),
        "top_2_gram": make_document(f"The offer is to be had with care. {noise}"),
        "contaminated_quiz": make_document(prose(5) + " " + QUESTION.lower().replace(" ", "\n")),
        "near_duplicate": make_document(near),
        "exact_duplicate": make_document(prose(7)),
    }


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / TASKS).mkdir(parents=True)
    (tmp_path / TASKS / "quiz.jsonl").write_text(json.dumps({"query": QUESTION}))
    return tmp_path


def kept(root: Path) -> dict[str, Document]:
    return {document.path: document for document in read_documents(root / CURATED)}


def test_planted_faults_go_with_their_reason_and_clean_documents_stay(workspace: Path, context: Context) -> None:
    faults = {reason: document.model_copy(update={"path": reason}) for reason, document in planted().items()}
    write_raw(workspace, [*clean_corpus(), *faults.values()])
    run_in(workspace, run, context)
    metrics = json.loads((workspace / METRICS).read_bytes())
    removed = {row["path"]: row["reason"] for row in map(json.loads, (workspace / CURATED / REMOVED).open())}
    # Of two equal or nearly equal documents either may stay, but one must.
    twins = {"near_duplicate": "prose/3", "exact_duplicate": "prose/7"}
    for reason in faults:
        gone = twins.get(reason, reason) if reason not in removed else reason
        assert removed.pop(gone, None) == reason, f"{reason}: {removed}"
    assert removed == {}
    assert len(kept(workspace)) == len(clean_corpus())
    counted = sum((Counter(reasons) for reasons in metrics["removed"].values()), Counter[str]())
    assert counted == Counter(dict.fromkeys(faults, 1))
    assert metrics["in"]["general"]["documents"] == 30 + sum(doc.domain == "general" for doc in faults.values())


def test_personal_data_is_replaced_and_the_id_follows_the_text(workspace: Path, context: Context) -> None:
    secret = make_document(
        f"{prose(50)} Write to jane.roe@mail.example.org, or to the host 8.8.8.8 if not 10.0.0.1.", path="pii"
    )
    write_raw(workspace, [*clean_corpus(), secret])
    run_in(workspace, run, context)
    metrics = json.loads((workspace / METRICS).read_bytes())
    found = kept(workspace)["pii"]
    assert "email@example.com" in found.text and "192.0.2.1" in found.text and "10.0.0.1" in found.text
    assert not re.search(r"jane|8\.8\.8\.8", found.text)
    assert found.id == text_id(found.text) != secret.id == found.metadata["raw_id"]
    assert metrics["scrubbed_documents"] == 1 and metrics["scrubbed_addresses"] == {"email": 1, "ip": 1}
    assert all(document.id == text_id(document.text) for document in kept(workspace).values())


def test_two_runs_leave_the_same_bytes(workspace: Path, context: Context) -> None:
    write_raw(workspace, [*clean_corpus(), *planted().values()])
    seen = []
    for _ in range(2):
        run_in(workspace, run, context)
        files = [workspace / METRICS, *sorted((workspace / CURATED).rglob("*"))]
        seen.append({str(path.relative_to(workspace)): path.read_bytes() for path in files if path.is_file()})
    assert seen[0] == seen[1] and len(seen[0]) == 12 + 3
    manifest = read_manifest(workspace / CURATED, "curate")
    verify(workspace / CURATED, manifest)
    assert manifest.facts["benchmark_windows"] == len(QUESTION.split()) - 12


def test_quarantined_documents_stay_out_and_a_stale_quarantine_is_refused(workspace: Path, context: Context) -> None:
    documents = clean_corpus()
    write_raw(workspace, documents)
    raw = read_manifest(workspace / RAW)
    write_quarantine(workspace / QUARANTINE, {2: (documents[2], ["bad"])}, raw)
    run_in(workspace, run, context)
    metrics = json.loads((workspace / METRICS).read_bytes())
    assert documents[2].path not in kept(workspace) and metrics["quarantined_documents"] == 1
    write_raw(workspace, documents[:-1])
    write_quarantine(workspace / QUARANTINE, {}, raw)
    with pytest.raises(BadInput, match="judges another corpus"):
        run_in(workspace, run, context)


def test_a_corrupt_shard_is_refused_and_the_old_output_stays(workspace: Path, context: Context) -> None:
    write_raw(workspace, clean_corpus())
    run_in(workspace, run, context)
    before = read_manifest(workspace / CURATED)
    shard = next((workspace / RAW).rglob("*.zst"))
    shard.write_bytes(shard.read_bytes()[:-7])
    with pytest.raises(BadInput, match=r"part-00000.*corrupt"):
        run_in(workspace, run, context)
    assert read_manifest(workspace / CURATED) == before
    verify(workspace / CURATED, before)


def test_a_domain_that_cannot_be_split_is_refused(workspace: Path, context: Context) -> None:
    write_raw(workspace, [*clean_corpus()[:30], make_document(prose(400), domain="stem")])
    with pytest.raises(BadInput, match="domain 'stem' keeps one document"):
        run_in(workspace, run, context)
    assert not (workspace / CURATED).exists() and not (workspace / METRICS).exists()


def test_a_domain_that_curation_empties_is_refused_with_the_reasons(workspace: Path, context: Context) -> None:
    strict = context.params.corpus.curation.model_dump(mode="json") | {"min_words": 2_000}
    for documents in (clean_corpus(), clean_corpus()[:30]):
        write_raw(workspace, documents)
        with pytest.raises(BadInput, match=r"removes every document of domain '.*' \(short \d+\)"):
            run_in(workspace, run, with_corpus(context, curation=strict))
    assert not (workspace / CURATED).exists()


@settings(deadline=None, max_examples=40)
@given(sizes=st.lists(st.integers(2, 40), min_size=1, max_size=5), share=st.floats(0.01, 0.49), seed=st.integers(0, 99))
def test_the_split_is_complete_disjoint_and_independent_of_order(sizes: list[int], share: float, seed: int) -> None:
    domains = ("general", "books", "stem", "code", "chinese")
    documents = [
        make_document(f"{domain} {n}", domain=domain)
        for domain, size in zip(domains, sizes, strict=False)
        for n in range(size)
    ]
    parts = split(documents, share, seed)
    ids = {name: {document.id for document in part} for name, part in parts.items()}
    assert not ids["train"] & ids["heldout"]
    assert ids["train"] | ids["heldout"] == {document.id for document in documents}
    for domain, size in zip(domains, sizes, strict=False):
        held_out = sum(document.domain == domain for document in parts["heldout"])
        assert held_out == max(1, round(share * size)) < size
    assert split(documents[::-1], share, seed) == parts


def test_another_seed_holds_out_other_documents() -> None:
    documents = [make_document(f"text {number}") for number in range(200)]
    first, second = (split(documents, 0.2, seed)["heldout"] for seed in (1, 2))
    assert {document.id for document in first} != {document.id for document in second}
