"""`python -m components.trajectories audit`: the mutation score of the checks.

Faults of every known class are injected into sound records of all streams, and the records go through what the stage
`check_trajectories` (for masks: `tokenize_trajectories`) does with them. A fault is caught when any check names its
record. Sound records go through the checks too: one that a check names is a false alarm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from components.core.errors import BadInput
from components.core.seeding import named_rng
from components.tokenizer import TextTokenizer
from components.tokenizer.train import learn_tokenizer
from components.trajectories.audit.facts import FACT_FAULTS
from components.trajectories.audit.fault_injection import Injection, SoundRecords, record_of, tree_of
from components.trajectories.audit.forms import FORM_FAULTS
from components.trajectories.audit.masking import MASK_FAULTS
from components.trajectories.check import Judged, Rules, judge_line, judge_together
from components.trajectories.checks.loss_mask import find_mask_fault
from components.trajectories.episodes import Synthesizer
from components.trajectories.record import Record
from components.trajectories.tokenize import encode_records

FAULTS: Mapping[str, Injection] = {**FACT_FAULTS, **FORM_FAULTS}
_LOSS_WEIGHTS = {"observation_weight": 0.0, "action_weight": 1.5}
_ADDED = frozenset({"near-duplicate"})  # injected beside its original, not in its place
_WRONG_BRANCH_SHARE, _ALTERNATE_SHARE = 0.4, 1.0
_BY_REPLAY = "replay"


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """What became of one class of faults. `without_replay`: caught by what the record shows alone."""

    name: str
    injected: int
    caught: int
    without_replay: int
    checks: Counter[str]


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    scores: tuple[ClassScore, ...]
    clean: int
    false_alarms: int
    alarms: Counter[str]

    @property
    def caught_share(self) -> float:
        return sum(score.caught for score in self.scores) / sum(score.injected for score in self.scores)


def make_sound_records(
    synthesizer: Synthesizer, wanted: Mapping[str, int], first_seed: int, progress: Callable[[str], None]
) -> SoundRecords:
    """Sound records: so many episodes of each family, without those that repeat another."""
    records: list[Record] = []
    for name, episodes in wanted.items():
        for seed in range(first_seed, first_seed + episodes):
            records += synthesizer.episodes(
                name, seed, wrong_branch_share=_WRONG_BRANCH_SHARE, alternate_share=_ALTERNATE_SHARE
            )
        progress(f"{name}: {len(records)} records")
    together = judge_together([_unjudged(record) for record in records])
    kept = [record for record, item in zip(records, together, strict=True) if not item.faults]
    return SoundRecords(records=kept, families=synthesizer.families)


def audit(sound: SoundRecords, rules: Rules, per_class: int, progress: Callable[[str], None]) -> AuditReport:
    """Inject every fault and count what the checks name. Raises BadInput where a class finds too few places in these
    records."""
    clean = judge_together([_judge(sound, record, rules) for record in sound.records])
    scores = []
    for name, inject in FAULTS.items():
        scores.append(_score(name, inject, sound, rules, per_class))
        progress(name)
    tokenizer = TextTokenizer(learn_tokenizer([], 0), sha256="")
    for name in MASK_FAULTS:
        scores.append(_mask_score(name, sound, tokenizer, per_class))
        progress(name)
    return AuditReport(
        scores=tuple(scores),
        clean=len(clean),
        false_alarms=sum(bool(item.faults) for item in clean),
        alarms=Counter(f"{item.family} {check}" for item in clean for check in item.faults),
    )


def _score(name: str, inject: Injection, sound: SoundRecords, rules: Rules, per_class: int) -> ClassScore:
    rng = named_rng("plants", name)
    order = list(range(len(sound.records)))
    rng.shuffle(order)
    injected: dict[int, Record] = {}
    for number in order:
        if len(injected) == per_class:
            break
        tree = tree_of(sound.records[number])
        if inject(tree, rng, sound):
            injected[number] = record_of(tree)
    _require(name, len(injected), per_class)
    added = list(injected.values()) if name in _ADDED else []
    corpus = [*(record if added else injected.get(number, record) for number, record in enumerate(sound.records))]
    places = range(len(corpus), len(corpus) + len(added)) if added else list(injected)
    items = [_unjudged(record) for record in [*corpus, *added]]
    for place in places:
        record = items[place].record
        assert record is not None
        items[place] = _judge(sound, record, rules)
    found = judge_together(items)
    faults = [found[place].faults for place in places]
    return ClassScore(
        name=name,
        injected=len(faults),
        caught=sum(bool(named) for named in faults),
        without_replay=sum(bool(named.keys() - {_BY_REPLAY}) for named in faults),
        checks=Counter(check for named in faults for check in named),
    )


def _mask_score(name: str, sound: SoundRecords, tokenizer: TextTokenizer, per_class: int) -> ClassScore:
    rng = named_rng("mask plants", name)
    records = rng.sample(list(sound.records), len(sound.records))
    caught = injected = 0
    for record, item in zip(records, encode_records(tokenizer, records, **_LOSS_WEIGHTS), strict=True):
        faulty = MASK_FAULTS[name](record, item, tokenizer, rng)
        if faulty is None:
            continue
        injected += 1
        ids, weights = faulty
        caught += find_mask_fault(record, ids, weights, tokenizer, **_LOSS_WEIGHTS) is not None
        if injected == per_class:
            break
    _require(name, injected, per_class)
    return ClassScore(
        name=name, injected=injected, caught=caught, without_replay=caught, checks=Counter({"masks": caught})
    )


def _require(name: str, injected: int, per_class: int) -> None:
    if injected < per_class:
        raise BadInput(
            f"--episodes: these records have {injected} places for {name!r}, {per_class} are wanted; make more episodes"
        )


def _judge(sound: SoundRecords, record: Record, rules: Rules) -> Judged:
    return judge_line(sound.families, record.task.generator, 0, record.model_dump_json(), rules=rules)


def _unjudged(record: Record) -> Judged:
    return Judged(shard=record.task.generator, line_number=0, line="", record=record, faults={})


def render_table(report: AuditReport) -> str:
    """The table people read."""
    lines = [f"{'injected fault':36} injected  caught  share  without replay  named by"]
    for score in report.scores:
        by = ", ".join(f"{name} {count}" for name, count in score.checks.most_common(3))
        lines.append(
            f"{score.name:36} {score.injected:8} {score.caught:7} {score.caught / score.injected:6.1%} "
            f"{score.without_replay:15}  {by}"
        )
    worst = min(report.scores, key=lambda score: score.caught / score.injected)
    lines += [
        f"caught in all: {report.caught_share:.1%}; worst class: {worst.name}, {worst.caught / worst.injected:.1%}",
        f"false alarms: {report.false_alarms} of {report.clean} sound records "
        f"({report.false_alarms / report.clean:.2%}) {dict(report.alarms)}",
    ]
    return "\n".join(lines)
