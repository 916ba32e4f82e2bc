"""The one way an oracle plays, makes a mistake and recovers.

A player is a generator. It yields turns and mistakes, is sent the observation of each, and returns its answer. `play`
makes an oracle of it: it decides which text is the analysis and which the reflection, labels every turn, and asserts
that a mistake really shows in what was executed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

from components.agent.environment import Label, Observation, Oracle, OracleStep
from components.agent.messages import ToolCall


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One assistant turn that makes a call.

    `text` is the analysis of a first turn and the reflection of a later one. `mistakes` are what could be done wrong
    in its place. A turn that `reveals` comes between a mistake and its recovery: its observation shows the mistake.
    """

    text: str = ""
    plan: str = ""
    call: ToolCall
    mistakes: tuple[Mistake, ...] = ()
    reveals: bool = False


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One wrong turn, taken on purpose and really executed.

    `shows` tells whether an observation contradicts it; None where a later turn `reveals` it. Where a turn lists the
    mistake, `text` is that turn's own, `lesson` gives the text of the recovery, and `repair` undoes what was changed;
    its text then follows.
    """

    name: str
    call: ToolCall
    text: str = ""
    plan: str = ""
    shows: Callable[[Observation], bool] | None = None
    lesson: Callable[[Observation], str] | None = None
    repair: Turn | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The last turn: a reflection and the summary the task is judged by."""

    text: str = ""
    summary: str


Player = Generator[Turn | Mistake, Observation, Answer]
Moves = Generator[Turn | Mistake, Observation, None]  # a part of a player's way
Choice = Callable[[Turn], Mistake | None]


def play(player: Player, choose: Choice | None = None) -> Oracle:
    """The oracle that plays `player`. `choose` says which of a turn's mistakes to make, if any.

    Labels: a mistake is `wrong`, the turn after it (or after the turn that reveals it) `recovery`, all others `good`.
    """
    label: Label = "good"
    started = False

    def step(move: Turn | Mistake) -> OracleStep:
        nonlocal label, started
        now: Label
        if isinstance(move, Mistake):
            now, label = "wrong", "recovery"
        elif move.reveals:
            now = "good"
        else:
            now, label = label, "good"
        analysis, reflection = ("", move.text) if started else (move.text, "")
        started = True
        return OracleStep(analysis=analysis, reflection=reflection, plan=move.plan, call=move.call, label=now)

    try:
        move = next(player)
        while True:
            mistake = choose(move) if choose is not None and isinstance(move, Turn) and move.mistakes else None
            if mistake is not None:
                assert isinstance(move, Turn) and mistake.lesson is not None
                seen = yield step(replace(mistake, text=move.text))
                _assert_shown(mistake, seen)
                move = replace(move, text=mistake.lesson(seen))
                if mistake.repair is not None:
                    yield step(replace(mistake.repair, text=move.text))
                    move = replace(move, text=mistake.repair.text)
            seen = yield step(move)
            if isinstance(move, Mistake):
                _assert_shown(move, seen)
            move = player.send(seen)
    except StopIteration as end:
        answer: Answer = end.value
    yield OracleStep(reflection=answer.text, summary=answer.summary, label=label)


def one_mistake(rng: random.Random, turns: int) -> Choice:
    """Make one mistake, drawn from those of one of the first `turns` turns that list some."""
    left = rng.randrange(turns)

    def choose(turn: Turn) -> Mistake | None:
        nonlocal left
        left -= 1
        return rng.choice(turn.mistakes) if left == -1 else None

    return choose


def _assert_shown(mistake: Mistake, seen: Observation) -> None:
    assert mistake.shows is None or mistake.shows(seen), (mistake.name, seen.content)
