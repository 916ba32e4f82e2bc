"""The stage `gate`: may the candidate be released? Decided from item-level results, by rules fixed beforehand.

The stage ends with 0 whatever the verdict (components.evaluation.verdict). The release reads it, and publishes nothing
but a PASS as more than a candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from components.core.errors import BadInput
from components.core.files import write_json
from components.core.lineage import Manifest, read_manifest, verify
from components.core.params import GateParams
from components.core.stage import StageContext
from components.evaluation import report
from components.evaluation.agent_eval import BASELINES, MODEL, EpisodeItem, parse_rate
from components.evaluation.bits_per_byte import TextSegment
from components.evaluation.items import AGENT_FILE, BITS_FILE, read_items
from components.evaluation.statistics import (
    BootstrapResult,
    Interval,
    holm,
    mcnemar_exact,
    minimum_detectable_effect,
    paired_bootstrap,
    paired_rate_difference,
    standard_error,
    wilson,
)
from components.evaluation.verdict import GateCheck, GateVerdict, overall

EVALUATIONS = Path("data/evaluations")
METRICS_FILE = Path("metrics/gate.json")
# From fewer clusters a percentile bootstrap gives intervals that are too narrow. Then pieces of text are drawn instead
# of documents, and where there are too few of those as well the check cannot decide.
MIN_CLUSTERS = 10


@dataclass(frozen=True, kw_only=True)
class Results:
    """One checkpoint's evaluation, verified and read."""

    name: str
    manifest: Manifest
    segments: list[TextSegment]
    episodes: list[EpisodeItem]

    def successes(self, policy: str, family: str) -> dict[str, bool]:
        """Outcome of each task of a family."""
        return {item.task: item.success for item in self.episodes if (item.policy, item.family) == (policy, family)}


def run(context: StageContext) -> None:
    """Write metrics/gate.json. Raises BadInput if an evaluation is missing, corrupt, or cannot be paired."""
    gate = context.params.gate
    if gate.candidate == gate.baseline:
        raise BadInput(f"gate.baseline = {gate.baseline!r}: is the candidate itself; name an earlier stage")
    checks = decide(read_results(gate.candidate), read_results(gate.baseline), gate, context.params.seed)
    verdict = overall(checks)
    write_json(
        METRICS_FILE,
        {
            "verdict": verdict,
            "candidate": gate.candidate,
            "baseline": gate.baseline,
            "checks": {
                check.name: {"verdict": check.verdict, "reason": check.reason, **check.metrics} for check in checks
            },
        },
    )
    context.progress.update(len(checks), len(checks), "checks")
    context.tracker.set_tags({"trivium.gate": verdict})
    context.tracker.log_metrics({"passed": sum(check.verdict == "PASS" for check in checks), "checks": len(checks)})
    with TemporaryDirectory() as directory:
        page = Path(directory) / "gate.md"
        page.write_text(
            report.gate_markdown(verdict, gate, checks) + "\n" + report.stages_markdown(context.params),
            encoding="utf-8",
        )
        context.tracker.log_artifact(page)


def read_results(name: str) -> Results:
    """Read data/evaluations/NAME. Raises BadInput if it is missing or corrupt."""
    directory = EVALUATIONS / name
    manifest = read_manifest(directory, f"evaluate@{name}")
    verify(directory, manifest)
    return Results(
        name=name,
        manifest=manifest,
        segments=read_items(directory / BITS_FILE, TextSegment),
        episodes=read_items(directory / AGENT_FILE, EpisodeItem),
    )


def decide(candidate: Results, baseline: Results, gate: GateParams, seed: int) -> list[GateCheck]:
    """All checks. Raises BadInput if the two evaluations do not answer the same items."""
    for fact in ("tokenizer_sha256", "seed"):
        ours, theirs = candidate.manifest.facts.get(fact), baseline.manifest.facts.get(fact)
        if ours != theirs:
            raise BadInput(
                f"data/evaluations: {fact} of {candidate.name} is {ours!r}, of {baseline.name} {theirs!r}; they cannot "
                "be paired, run `dvc repro evaluate`"
            )
    return [
        check_target_family(candidate, baseline, gate),
        *(check_against_baseline(candidate, policy, gate) for policy in BASELINES),
        *check_held_out_text(candidate.segments, baseline.segments, gate, seed),
        check_readable_calls(candidate.episodes, gate),
        check_contamination(candidate.manifest),
    ]


def check_target_family(candidate: Results, baseline: Results, gate: GateParams) -> GateCheck:
    """Does success on the target family rise from the baseline checkpoint to the candidate?"""
    family = gate.target_family
    ours, theirs = candidate.successes(MODEL, family), baseline.successes(MODEL, family)
    return _success_check("target_family_rises", f"{family}: over {baseline.name}", family, ours, theirs, gate)


def check_against_baseline(candidate: Results, policy: str, gate: GateParams) -> GateCheck:
    """Does the candidate do better on the target family than a policy that knows nothing?"""
    family = gate.target_family
    ours, theirs = candidate.successes(MODEL, family), candidate.successes(policy, family)
    return _success_check(f"beats_{policy}", f"{family}: over {policy}", family, ours, theirs, gate)


def _success_check(
    name: str, what: str, family: str, ours: dict[str, bool], theirs: dict[str, bool], gate: GateParams
) -> GateCheck:
    if not ours:
        raise BadInput(f"gate.target_family = {family!r}: was not evaluated; choose a family that evaluations hold")
    if ours.keys() != theirs.keys():
        raise BadInput(
            f"data/evaluations: tasks of {family} differ; run `dvc repro evaluate` so that they can be paired"
        )
    first = np.array(list(ours.values()))
    second = np.array([theirs[task] for task in ours])
    difference = paired_rate_difference(first, second, gate.confidence)
    verdict: GateVerdict = "INSUFFICIENT_POWER"
    if difference.low > 0:
        verdict = "PASS"
    elif difference.high < gate.minimum_effect:
        verdict = "HOLD"
    return GateCheck(
        name=name,
        verdict=verdict,
        reason=f"{what} success differs by {_format(difference)} on {len(first)} tasks; "
        + {
            "PASS": "it is above 0",
            "HOLD": f"a rise of {gate.minimum_effect:g} is ruled out",
            "INSUFFICIENT_POWER": f"neither none nor a rise of {gate.minimum_effect:g} is ruled out",
        }[verdict],
        metrics={
            "candidate": float(first.mean()),
            "other": float(second.mean()),
            "difference": asdict(difference),
            "mcnemar_p": mcnemar_exact(first, second),
            "minimum_detectable": minimum_detectable_effect(
                standard_error(difference, gate.confidence), gate.confidence
            ),
            "tasks": len(first),
        },
    )


def check_held_out_text(
    candidate: Sequence[TextSegment], baseline: Sequence[TextSegment], gate: GateParams, seed: int
) -> list[GateCheck]:
    """Does the candidate lose no more than the margin on any text domain? Holm's rule over the domains."""

    def pieces(items: Sequence[TextSegment]) -> list[tuple[str, str, int, int]]:
        return [(item.domain, item.document, item.segment, item.bytes) for item in items]

    if pieces(candidate) != pieces(baseline):
        raise BadInput("data/evaluations: held-out text differs; run `dvc repro evaluate` so that it can be paired")
    lost_bits = np.array(
        [ours.model_bits - theirs.model_bits for ours, theirs in zip(candidate, baseline, strict=True)]
    )
    size_bytes = np.array([float(item.bytes) for item in candidate])
    domains = np.array([item.domain for item in candidate])
    names = list(dict.fromkeys(item.domain for item in candidate))
    alpha = (1 - gate.confidence) / 2  # one-sided, as the upper end of the interval is
    if len(names) > alpha * (gate.bootstrap_samples + 1):
        raise BadInput(
            f"gate.bootstrap_samples = {gate.bootstrap_samples}: too few to reach confidence {gate.confidence} over "
            f"{len(names)} domains; take at least {int(len(names) / alpha) + 1}"
        )
    units = {name: _clusters([item for item in candidate if item.domain == name]) for name in names}
    drawn = {
        name: paired_bootstrap(
            lost_bits[domains == name],
            size_bytes[domains == name],
            units[name][1],
            replicas=gate.bootstrap_samples,
            confidence=gate.confidence,
            seed=seed,
        )
        for name in names
    }
    adjusted = holm({name: result.share_above(gate.non_inferiority_bits) for name, result in drawn.items()})
    return [_text_check(name, units[name], drawn[name], adjusted[name], alpha, gate) for name in names]


def _clusters(items: Sequence[TextSegment]) -> tuple[str, np.ndarray]:
    """What is drawn with replacement: documents, or where they are few the segments themselves."""
    documents = np.array([item.document for item in items])
    if len(np.unique(documents)) >= MIN_CLUSTERS:
        return "documents", documents
    return "segments", np.arange(len(items))


def _text_check(
    domain: str,
    clusters: tuple[str, np.ndarray],
    result: BootstrapResult,
    adjusted_p: float,
    alpha: float,
    gate: GateParams,
) -> GateCheck:
    unit, members = clusters
    count = len(np.unique(members))
    margin = gate.non_inferiority_bits
    verdict: GateVerdict = "INSUFFICIENT_POWER"
    if count >= MIN_CLUSTERS:
        if adjusted_p <= alpha:
            verdict = "PASS"
        elif result.interval.low > margin:
            verdict = "HOLD"
    return GateCheck(
        name=f"held_out_text_{domain}",
        verdict=verdict,
        reason=f"{domain}: bits per byte change by {_format(result.interval)} on {count} {unit}; "
        + {
            "PASS": f"within the margin of {margin:g}",
            "HOLD": f"more than the margin of {margin:g}",
            "INSUFFICIENT_POWER": f"these cannot tell whether that is within the margin of {margin:g}",
        }[verdict],
        metrics={
            "loss_bits": asdict(result.interval),
            "margin_bits": margin,
            "adjusted_p": adjusted_p,
            "minimum_detectable": minimum_detectable_effect(result.standard_error, gate.confidence),
            "unit": unit,
            "units": count,
        },
    )


def check_readable_calls(episodes: Sequence[EpisodeItem], gate: GateParams) -> GateCheck:
    """Can the candidate's tool calls be read? A floor, never a merit: form is easier learned than sense."""
    read, tried = parse_rate([item for item in episodes if item.policy == MODEL])
    rate = wilson(read, tried, gate.confidence)
    floor = gate.minimum_parse_rate
    verdict: GateVerdict = "INSUFFICIENT_POWER"
    if rate.low >= floor:
        verdict = "PASS"
    elif rate.high < floor:
        verdict = "HOLD"
    return GateCheck(
        name="readable_calls",
        verdict=verdict,
        reason=f"{read} tool calls could be read, {tried - read} turns could not: {_format(rate)}; "
        + {
            "PASS": f"at least {floor:g}",
            "HOLD": f"below {floor:g}",
            "INSUFFICIENT_POWER": f"these cannot tell whether that is at least {floor:g}",
        }[verdict],
        metrics={"rate": asdict(rate), "read": read, "tried": tried},
    )


def check_contamination(manifest: Manifest) -> GateCheck:
    """Has training seen any of the items it is examined on?"""
    found = manifest.facts["contamination"]
    hits, items = found["contaminated"], found["items"]
    verdict: GateVerdict = "HOLD" if hits else "PASS" if items else "INSUFFICIENT_POWER"
    window = found["window_tokens"]
    return GateCheck(
        name="uncontaminated",
        verdict=verdict,
        reason=f"{len(hits)} of {items} task items share {window} tokens in a row with the text trained on"
        + (f": {', '.join(hits[:5])}" if hits else ""),
        metrics=dict(found),
    )


def _format(interval: Interval) -> str:
    return f"{interval.estimate:.3f} ({interval.low:.3f} to {interval.high:.3f})"
