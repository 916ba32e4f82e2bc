"""Verdicts on results made for them: a clear win, a clear loss, too little to tell; and what cannot be judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.core.errors import BadInput
from components.core.lineage import Manifest
from components.core.params import GateParams, load
from components.evaluation.agent_eval import MODEL, EpisodeItem
from components.evaluation.bits_per_byte import TextSegment
from components.evaluation.gate import Results, decide
from components.evaluation.report import gate_markdown
from components.evaluation.verdict import GateCheck, GateVerdict, overall

FAMILY = "arithmetic_add"
DOMAINS = ("general", "code")


@pytest.fixture(scope="module")
def gate() -> GateParams:
    asked = load(Path("params.yaml")).gate
    return asked.model_copy(
        update={
            "target_family": FAMILY,
            "minimum_effect": 0.1,
            "non_inferiority_bits": 0.1,
            "minimum_parse_rate": 0.9,
            "confidence": 0.95,
            "bootstrap_samples": 1000,
        }
    )


def results(
    name: str,
    *,
    successes: int,
    tasks: int = 60,
    loss_bits: float = 0.0,
    documents: int = 20,
    spread_bits: float = 0.02,
    unreadable: int = 0,
    baseline_successes: int = 0,
    contaminated: tuple[str, ...] = (),
) -> Results:
    """An evaluation of one checkpoint; text costs 2 bits per byte plus `loss_bits`, with `spread_bits` of noise."""
    generator = np.random.default_rng(len(name))
    episodes = []
    for policy, right in ((MODEL, successes), ("no_op", 0), ("random_tool", baseline_successes)):
        for task in range(tasks):
            errors = unreadable if policy == MODEL and task == 0 else 0
            episodes.append(
                EpisodeItem(
                    policy=policy,
                    stream="math",
                    family=FAMILY,
                    task=f"{FAMILY}/{task}",
                    success=task < right,
                    turns=2,
                    tool_calls=1,
                    parse_errors=errors,
                    end="answered",
                )
            )
    segments = [
        TextSegment(
            domain=domain,
            document=f"{domain}-{document}",
            segment=piece,
            tokens=100,
            bytes=300,
            model_bits=300 * (2 + loss_bits + spread_bits * generator.normal()),
            unigram_bits=1500.0,
            five_gram_bits=900.0,
        )
        for domain in DOMAINS
        for document in range(documents)
        for piece in range(3)
    ]
    facts = {
        "tokenizer_sha256": "t",
        "seed": 1,
        "contamination": {
            "items": 100,
            "contaminated": list(contaminated),
            "window_tokens": 24,
            "trained_tokens": 1000,
            "held_out_shared": {},
        },
    }
    manifest = Manifest(producer=f"evaluate@{name}", shards=(), facts=facts)
    return Results(name=name, manifest=manifest, segments=segments, episodes=episodes)


def verdicts(checks: list[GateCheck]) -> dict[str, GateVerdict]:
    return {check.name: check.verdict for check in checks}


def test_a_clear_win_passes(gate: GateParams) -> None:
    checks = decide(results("after", successes=45), results("before", successes=2), gate, seed=1)
    assert verdicts(checks) == dict.fromkeys(
        [
            "target_family_rises",
            "beats_no_op",
            "beats_random_tool",
            "held_out_text_general",
            "held_out_text_code",
            "readable_calls",
            "uncontaminated",
        ],
        "PASS",
    )
    assert overall(checks) == "PASS"
    rise = checks[0].metrics
    assert rise["difference"]["estimate"] == pytest.approx(43 / 60)
    assert rise["mcnemar_p"] < 1e-9 and rise["tasks"] == 60
    page = gate_markdown("PASS", gate, checks)
    assert all(check.name in page and check.reason in page for check in checks)


def test_a_clear_loss_holds(gate: GateParams) -> None:
    checks = decide(results("after", successes=2, loss_bits=0.3), results("before", successes=45), gate, seed=1)
    found = verdicts(checks)
    assert found["target_family_rises"] == "HOLD"
    assert found["held_out_text_general"] == found["held_out_text_code"] == "HOLD"
    assert overall(checks) == "HOLD"


def test_no_rise_is_held_only_where_a_worthwhile_one_is_ruled_out(gate: GateParams) -> None:
    many = decide(results("after", successes=3, tasks=400), results("before", successes=3, tasks=400), gate, seed=1)
    assert verdicts(many)["target_family_rises"] == "HOLD"
    few = decide(results("after", successes=1, tasks=12), results("before", successes=1, tasks=12), gate, seed=1)
    assert verdicts(few)["target_family_rises"] == "INSUFFICIENT_POWER"


def test_too_few_tasks_are_no_pass_even_if_all_agree(gate: GateParams) -> None:
    checks = decide(results("after", successes=0, tasks=5), results("before", successes=0, tasks=5), gate, seed=1)
    assert verdicts(checks)["target_family_rises"] == "INSUFFICIENT_POWER"
    assert checks[0].metrics["minimum_detectable"] > gate.minimum_effect
    assert overall(checks) == "INSUFFICIENT_POWER"


def test_a_loss_within_the_margin_passes_and_one_across_it_cannot_be_told(gate: GateParams) -> None:
    before = results("before", successes=0)
    within = decide(results("after", successes=45, loss_bits=0.05), before, gate, seed=1)
    assert verdicts(within)["held_out_text_code"] == "PASS"
    noisy = results("before", successes=0, spread_bits=1.0)
    across = decide(results("after", successes=45, loss_bits=0.1, spread_bits=1.0), noisy, gate, seed=1)
    assert verdicts(across)["held_out_text_code"] == "INSUFFICIENT_POWER"


def test_few_documents_are_drawn_as_segments_and_too_few_segments_not_at_all(gate: GateParams) -> None:
    some = decide(
        results("after", successes=45, documents=4), results("before", successes=2, documents=4), gate, seed=1
    )
    (text,) = (check for check in some if check.name == "held_out_text_code")
    assert (text.metrics["unit"], text.metrics["units"], text.verdict) == ("segments", 12, "PASS")
    few = decide(results("after", successes=45, documents=2), results("before", successes=2, documents=2), gate, seed=1)
    assert verdicts(few)["held_out_text_code"] == "INSUFFICIENT_POWER"


def test_beating_the_baseline_checkpoint_is_not_enough(gate: GateParams) -> None:
    """A random policy that does as well as the candidate takes the worth out of its score."""
    after = results("after", successes=30, baseline_successes=30, tasks=400)
    found = verdicts(decide(after, results("before", successes=0, tasks=400), gate, seed=1))
    assert (found["target_family_rises"], found["beats_random_tool"]) == ("PASS", "HOLD")


@pytest.mark.parametrize(("unreadable", "expected"), [(0, "PASS"), (8, "INSUFFICIENT_POWER"), (60, "HOLD")])
def test_readable_calls_have_a_floor(gate: GateParams, unreadable: int, expected: GateVerdict) -> None:
    checks = decide(results("after", successes=45, unreadable=unreadable), results("before", successes=2), gate, seed=1)
    assert verdicts(checks)["readable_calls"] == expected


def test_a_contaminated_item_holds_and_is_named(gate: GateParams) -> None:
    after = results("after", successes=45, contaminated=("hellaswag_sample/7",))
    checks = decide(after, results("before", successes=2), gate, seed=1)
    assert verdicts(checks)["uncontaminated"] == overall(checks) == "HOLD"
    assert "hellaswag_sample/7" in checks[-1].reason


def test_what_cannot_be_paired_is_refused(gate: GateParams) -> None:
    after, before = results("after", successes=45), results("before", successes=2)
    for other, named in (
        (replace(before, segments=before.segments[1:]), "held-out text differs"),
        (replace(before, episodes=before.episodes[1:]), f"tasks of {FAMILY} differ"),
        (
            replace(
                before,
                manifest=before.manifest.model_copy(update={"facts": {**before.manifest.facts, "seed": 2}}),
            ),
            "seed of after is 1, of before 2",
        ),
    ):
        with pytest.raises(BadInput, match=named):
            decide(after, other, gate, seed=1)
    with pytest.raises(BadInput, match=r"gate\.target_family = 'juggling'"):
        decide(after, before, gate.model_copy(update={"target_family": "juggling"}), seed=1)
    with pytest.raises(BadInput, match=r"gate\.bootstrap_samples = 100.*at least 400"):
        strict = gate.model_copy(update={"bootstrap_samples": 100, "confidence": 0.99})
        decide(after, before, strict, seed=1)
