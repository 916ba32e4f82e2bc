"""`python -m components.trajectories audit`: the mutation score of the checks.

Every known failure class is planted in sound records of all streams, and the records go through what the stage
`check_trajectories` (for masks: `tokenize_trajectories`) does with them. Caught is what any check names. Sound records
go through it too: what is named there is a false alarm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from components.core.errors import BadInput
from components.core.seeding import named_rng
from components.tokenizer import TextTokenizer
from components.tokenizer.train import learn_tokenizer
from components.trajectories.audit.facts import FACT_PLANTS
from components.trajectories.audit.forms import FORM_PLANTS
from components.trajectories.audit.masking import MASK_PLANTS
from components.trajectories.audit.planting import Garden, Plant, record_of, tree_of
from components.trajectories.check import Judged, Rules, judge_line, judge_together
from components.trajectories.checks.loss_mask import find_mask_fault
from components.trajectories.episodes import Synthesizer
from components.trajectories.record import Record
from components.trajectories.tokenize import encode_records

PLANTS: Mapping[str, Plant] = {**FACT_PLANTS, **FORM_PLANTS}
_LOSS_WEIGHTS = {"observation_weight": 0.0, "action_weight": 1.5}
_ADDED = frozenset({"near-duplicate"})  # planted beside its original, not in its place
_WRONG_BRANCH_SHARE, _ALTERNATE_SHARE = 0.4, 1.0
_BY_REPLAY = "replay"


@dataclass(frozen=True, kw_only=True)
class Score:
    """What became of one class. `without_replay`: caught by what the record shows alone."""

    name: str
    planted: int
    caught: int
    without_replay: int
    checks: Counter[str]


@dataclass(frozen=True, kw_only=True)
class Report:
    scores: tuple[Score, ...]
    clean: int
    false_alarms: int
    alarms: Counter[str]

    @property
    def caught_share(self) -> float:
        return sum(score.caught for score in self.scores) / sum(score.planted for score in self.scores)


def grow(synthesizer: Synthesizer, wanted: Mapping[str, int], first_seed: int, report: Callable[[str], None]) -> Garden:
    """Sound records: so many episodes of each family, no two that teach the same."""
    records: list[Record] = []
    for name, episodes in wanted.items():
        for seed in range(first_seed, first_seed + episodes):
            records += synthesizer.episodes(
                name, seed, wrong_branch_share=_WRONG_BRANCH_SHARE, alternate_share=_ALTERNATE_SHARE
            )
        report(f"{name}: {len(records)} records")
    twins = judge_together([_unjudged(record) for record in records])
    kept = [record for record, item in zip(records, twins, strict=True) if not item.faults]
    return Garden(records=kept, families=synthesizer.families)


def audit(garden: Garden, rules: Rules, per_class: int, report: Callable[[str], None]) -> Report:
    """Plant and look. Raises BadInput where a class finds too few places in these records."""
    clean = judge_together([_judge(garden, record, rules) for record in garden.records])
    scores = []
    for name, plant in PLANTS.items():
        scores.append(_score(name, plant, garden, rules, per_class))
        report(name)
    tokenizer = TextTokenizer(learn_tokenizer([], 0), sha256="")
    for name in MASK_PLANTS:
        scores.append(_mask_score(name, garden, tokenizer, per_class))
        report(name)
    return Report(
        scores=tuple(scores),
        clean=len(clean),
        false_alarms=sum(bool(item.faults) for item in clean),
        alarms=Counter(f"{item.family} {check}" for item in clean for check in item.faults),
    )


def _score(name: str, plant: Plant, garden: Garden, rules: Rules, per_class: int) -> Score:
    rng = named_rng("plants", name)
    order = list(range(len(garden.records)))
    rng.shuffle(order)
    planted: dict[int, Record] = {}
    for number in order:
        if len(planted) == per_class:
            break
        tree = tree_of(garden.records[number])
        if plant(tree, rng, garden):
            planted[number] = record_of(tree)
    _require(name, len(planted), per_class)
    added = list(planted.values()) if name in _ADDED else []
    corpus = [*(record if added else planted.get(number, record) for number, record in enumerate(garden.records))]
    places = range(len(corpus), len(corpus) + len(added)) if added else list(planted)
    items = [_unjudged(record) for record in [*corpus, *added]]
    for place in places:
        record = items[place].record
        assert record is not None
        items[place] = _judge(garden, record, rules)
    found = judge_together(items)
    faults = [found[place].faults for place in places]
    return Score(
        name=name,
        planted=len(faults),
        caught=sum(bool(named) for named in faults),
        without_replay=sum(bool(named.keys() - {_BY_REPLAY}) for named in faults),
        checks=Counter(check for named in faults for check in named),
    )


def _mask_score(name: str, garden: Garden, tokenizer: TextTokenizer, per_class: int) -> Score:
    rng = named_rng("mask plants", name)
    records = rng.sample(list(garden.records), len(garden.records))
    caught = planted = 0
    for record, item in zip(records, encode_records(tokenizer, records, **_LOSS_WEIGHTS), strict=True):
        spoiled = MASK_PLANTS[name](record, item, tokenizer, rng)
        if spoiled is None:
            continue
        planted += 1
        ids, weights = spoiled
        caught += find_mask_fault(record, ids, weights, tokenizer, **_LOSS_WEIGHTS) is not None
        if planted == per_class:
            break
    _require(name, planted, per_class)
    return Score(name=name, planted=planted, caught=caught, without_replay=caught, checks=Counter({"masks": caught}))


def _require(name: str, planted: int, per_class: int) -> None:
    if planted < per_class:
        raise BadInput(
            f"--episodes: these records have {planted} places for {name!r}, {per_class} are wanted; grow more episodes"
        )


def _judge(garden: Garden, record: Record, rules: Rules) -> Judged:
    return judge_line(garden.families, record.task.generator, 0, record.model_dump_json(), rules=rules)


def _unjudged(record: Record) -> Judged:
    return Judged(shard=record.task.generator, line_number=0, line="", record=record, faults={})


def show(report: Report) -> str:
    """The table people read."""
    lines = [f"{'failure planted':36} planted  caught  share  without replay  named by"]
    for score in report.scores:
        by = ", ".join(f"{name} {count}" for name, count in score.checks.most_common(3))
        lines.append(
            f"{score.name:36} {score.planted:7} {score.caught:7} {score.caught / score.planted:6.1%} "
            f"{score.without_replay:15}  {by}"
        )
    worst = min(report.scores, key=lambda score: score.caught / score.planted)
    lines += [
        f"caught in all: {report.caught_share:.1%}; worst class: {worst.name}, {worst.caught / worst.planted:.1%}",
        f"false alarms: {report.false_alarms} of {report.clean} sound records "
        f"({report.false_alarms / report.clean:.2%}) {dict(report.alarms)}",
    ]
    return "\n".join(lines)
