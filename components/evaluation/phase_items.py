"""Questions about single phases of held-out episodes: which of four texts the oracle really went on with.

A question is a real beginning of a real record, rendered as in training and cut where a phase's text begins, and four
options of like length: the true text and three real texts that do not belong there. These come, where there are any,
from wrong branches of the same task, really taken, and from what the record holds before it; else from other records of
the family. Two texts about the same call or observation, or that differ in everyday words alone, are never set against
each other. A function of (seed, families, tokenizer) alone: every checkpoint is asked the same.

The idea of offline questions by phase is APTBench's; its items are not used.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from components.agent.environment import Label, TaskFamily
from components.agent.messages import escape_special_tokens
from components.agent.template import Segment, render_segments
from components.core.seeding import named_rng
from components.evaluation.phase_answers import OPTIONS, PHASES, Phase
from components.trajectories.episodes import Synthesizer, play
from components.trajectories.record import Record, Step, to_messages

_SIBLINGS = 3  # other wrong branches of the same task
_NEAR = 2  # options at most from the same task, so that looking wrong does not give an option away
_EVERYDAY_SHARE = 0.1  # a word in more of a family's tasks than this says nothing about one of them
_SLACK_CHARACTERS = 4
_SLACK_SHARE = 0.3
_SPARE_RECORDS = 20  # beyond those asked about, for their texts
# Families whose every call runs a real test suite: few records, and none played only for its wrong branch.
_COSTLY_DOMAIN = "code"
_COSTLY_RECORDS = 10


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """What an oracle wrote in one phase of one turn. `about` is the call it makes or what it reads, None of an answer:
    two utterances about the same mean the same, whatever their words."""

    phase: Phase
    label: Label
    turn: int
    text: str
    about: str | None


@dataclass(frozen=True, kw_only=True)
class PhaseItem:
    """One question. `prefix` and then the option `gold` are a beginning of the record's rendering."""

    stream: str
    family: str
    task: str
    phase: Phase
    turn: int
    prefix: tuple[Segment, ...]
    options: tuple[str, ...]
    closing: Segment
    """The marker behind the true text, which ends every option."""
    gold: int
    others: tuple[str, ...]
    """The family's true texts of this phase in other tasks, those offered left out: how true texts sound."""


def build_items(families: Mapping[str, TaskFamily], items_per_phase: int, seed: int) -> list[PhaseItem]:
    """Up to `items_per_phase` questions for every stream and phase, evenly over the stream's families; at most one a
    record and phase, so that the questions of a cell are independent."""
    synthesizer = Synthesizer(dict(families))
    streams: dict[str, list[str]] = {}
    for name, family in families.items():
        streams.setdefault(family.domain, []).append(name)
    found: list[PhaseItem] = []
    for names in streams.values():
        wanted = -(-items_per_phase // len(names))
        by_family = [_family_items(synthesizer, name, wanted, seed) for name in names]
        for phase in PHASES:
            found += _take_turns([[item for item in each if item.phase == phase] for each in by_family])[
                :items_per_phase
            ]
    return found


def utterances(steps: Sequence[Step], answer_turn: int) -> Iterator[Utterance]:
    """The texts of an episode that a question may be about; the thoughts of a wrong step are among them, as wrong."""
    turn, read = 0, ""
    for step in steps:
        phase: Phase
        if step.phase == "reflection":
            # What leads to a wrong step may itself be true, so it is neither asked for nor offered.
            if step.label != "wrong":
                phase = "diagnosis" if step.label == "recovery" else "reflection"
                yield Utterance(
                    phase=phase, label=step.label, turn=turn, text=escape_special_tokens(step.text), about=read
                )
        elif step.phase == "plan":
            yield Utterance(
                phase="plan",
                label=step.label,
                turn=turn,
                text=escape_special_tokens(step.text),
                about=_next_call(steps, step),
            )
        elif step.phase == "action":
            text = "\n".join(escape_special_tokens(call.to_call().to_json()) for call in step.calls)
            call = _next_call(steps, step)
            if len(step.calls) == 1:
                yield Utterance(phase="action", label=step.label, turn=turn, text=text, about=call)
            read = f"{call} -> {[seen.content for seen in step.obs]}"
        elif step.phase == "summary" and turn == answer_turn:
            yield Utterance(
                phase="summary", label=step.label, turn=turn, text=escape_special_tokens(step.text), about=None
            )
        if step.phase in ("action", "summary"):
            turn += 1


def _next_call(steps: Sequence[Step], step: Step) -> str | None:
    """The call of the turn a step belongs to, its arguments in any order; None if the turn answers."""
    for later in steps[step.i :]:
        if later.phase == "action":
            return repr([(call.name, sorted(call.args.items(), key=repr)) for call in later.calls])
        if later.phase == "summary":
            return None
    return None


@dataclass(frozen=True, kw_only=True)
class _Episode:
    """A record, its utterances, and those on other wrong branches of its task."""

    record: Record
    utterances: tuple[Utterance, ...]
    elsewhere: tuple[Utterance, ...]


def _family_items(synthesizer: Synthesizer, name: str, wanted: int, seed: int) -> list[PhaseItem]:
    episodes = _play_episodes(synthesizer, name, wanted, seed)
    pools = {
        phase: [(one.record.family_id, other) for one in episodes for other in one.utterances if other.phase == phase]
        for phase in PHASES
    }
    everyday = {phase: _everyday_words(pool) for phase, pool in pools.items()}
    found: list[PhaseItem] = []
    for phase in PHASES:
        made = 0
        for one in episodes:
            if made == wanted:
                break
            item = _item(one, phase, pools[phase], everyday[phase], seed)
            if item is not None:
                found.append(item)
                made += 1
    return found


def _play_episodes(synthesizer: Synthesizer, name: str, wanted: int, seed: int) -> list[_Episode]:
    """Solved held-out episodes of a family, every other one with a wrong step, no prompt twice."""
    family = synthesizer.families[name]
    costly = family.domain == _COSTLY_DOMAIN
    records = 2 * wanted + _SPARE_RECORDS
    if costly:
        records = min(records, _COSTLY_RECORDS)
    episodes: dict[str, _Episode] = {}
    for number in range(2 * records):
        if len(episodes) == records:
            break
        record = synthesizer.episode(name, seed + number, float(number % 2 == 0), "heldout")
        if record.verdict.outcome == "failure" or record.task.prompt in episodes:
            continue
        task = family.sample(seed + number, "heldout")
        elsewhere: list[Utterance] = []
        for sibling in range(0 if costly or len(episodes) >= 2 * wanted else _SIBLINGS):
            steps = play(family, task, True, _sibling_seed(seed + number, sibling)).steps
            elsewhere += utterances(steps, answer_turn=-1)
        own = tuple(utterances(record.steps, answer_turn=len(record.turns()) - 1))
        episodes[record.task.prompt] = _Episode(record=record, utterances=own, elsewhere=tuple(elsewhere))
    return list(episodes.values())


def _sibling_seed(seed: int, sibling: int) -> int:
    """Another choice of words and of the wrong step, for the same task."""
    return named_rng("sibling", seed, sibling).getrandbits(48)


def _item(
    one: _Episode, phase: Phase, pool: Sequence[tuple[str, Utterance]], everyday: frozenset[str], seed: int
) -> PhaseItem | None:
    """A question about one turn of the record; None if it has no such phase or too few texts to set against it."""
    rng = named_rng("phases", seed, one.record.family_id, phase)
    places = [other for other in one.utterances if other.phase == phase and other.label != "wrong" and other.text]
    rng.shuffle(places)
    far = [other for owner, other in pool if owner != one.record.family_id and other.label != "wrong"]
    for true in places:
        near = [other for other in one.elsewhere if _same_kind(other, true)]
        near += [
            other for other in one.utterances if other.turn < true.turn and _same_kind(other, true, wrong_only=False)
        ]
        chosen = _choose(true, near, far, everyday, rng)
        if chosen is not None:
            break
    else:
        return None
    prefix, closing = _cut(one.record, true)
    options = [true.text, *chosen]
    rng.shuffle(options)
    return PhaseItem(
        stream=one.record.domain,
        family=one.record.task.generator,
        task=one.record.family_id,
        phase=phase,
        turn=true.turn,
        prefix=prefix,
        options=tuple(options),
        closing=closing,
        gold=options.index(true.text),
        others=tuple(other.text for other in far if other.text not in options),
    )


def _same_kind(other: Utterance, true: Utterance, *, wrong_only: bool = True) -> bool:
    """Whether a text of the same task may be offered: a plan or call of a wrong step; any other thought on what came
    back. What a right step of another branch does might be right here too."""
    if true.phase in ("plan", "action"):
        return other.phase == true.phase and (other.label == "wrong" or not wrong_only)
    if true.phase in ("diagnosis", "reflection"):
        return other.phase in ("diagnosis", "reflection")
    return False


def _choose(
    true: Utterance,
    near: Sequence[Utterance],
    far: Sequence[Utterance],
    everyday: frozenset[str],
    rng: random.Random,
) -> list[str] | None:
    """Three texts that do not belong where `true` does, some near where there are any; None if there are too few."""
    found: dict[frozenset[str], str] = {}
    contents = {_content(true.text, everyday)}

    def take(candidates: Sequence[Utterance], count: int) -> None:
        for other in rng.sample(candidates, len(candidates)):
            content = _content(other.text, everyday)
            if len(found) == count:
                return
            alike = content in contents or (other.about == true.about and true.about is not None)
            if not alike and other.text and _like_length(other.text, true.text):
                contents.add(content)
                found[content] = other.text

    take(near, _NEAR)
    take(far, OPTIONS - 1)
    take(near, OPTIONS - 1)
    return list(found.values()) if len(found) == OPTIONS - 1 else None


def _cut(record: Record, true: Utterance) -> tuple[tuple[Segment, ...], Segment]:
    """The record's rendering up to where the text begins, and the marker that ends the text."""
    segments = render_segments(to_messages(record), record.specs())
    kind = "reflection" if true.phase == "diagnosis" else true.phase
    (place,) = (
        index
        for index, segment in enumerate(segments)
        if segment.step == true.turn and segment.kind == kind and not segment.special
    )
    assert segments[place].text == true.text, "what was written is what is rendered"
    assert segments[place + 1].special, "a special token stands between any two texts"
    return tuple(segments[:place]), segments[place + 1]


def words(text: str) -> list[str]:
    """Words, numbers and names in small letters; signs count, since 3-1 is not 3+1."""
    return re.findall(r"\w+|[-+*/<>=]", text.lower())


def _content(text: str, everyday: frozenset[str]) -> frozenset[str]:
    return frozenset(Counter(words(text)).keys() - everyday)


def _everyday_words(pool: Sequence[tuple[str, Utterance]]) -> frozenset[str]:
    """Words of many tasks; a number is never one of them."""
    tasks: dict[str, set[str]] = {}
    for owner, other in pool:
        for word in words(other.text):
            tasks.setdefault(word, set()).add(owner)
    many = max(1.0, _EVERYDAY_SHARE * len({owner for owner, _ in pool}))
    return frozenset(word for word, owners in tasks.items() if len(owners) > many and word.isalpha())


def _like_length(one: str, other: str) -> bool:
    return abs(len(one) - len(other)) <= max(_SLACK_CHARACTERS, _SLACK_SHARE * len(other))


def _take_turns(columns: Sequence[Sequence[PhaseItem]]) -> list[PhaseItem]:
    """The first of each column, then the second of each, and so on."""
    longest = max((len(column) for column in columns), default=0)
    return [column[row] for row in range(longest) for column in columns if row < len(column)]
