"""Wrong calls: each is really run, and what comes back really contradicts it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.agent.environment import Observation
from components.tasks.tools.expressions import Value
from components.tasks.tools.interpreter import write
from components.tasks.tools.planner import keys_of, plan_writes
from components.tasks.tools.requests import draw_value
from components.tasks.tools.schema import Action, Fact, Read, World, Write
from components.tasks.tools.tables import Param, Row, Rows

_OTHER_ARGUMENT_SHARE = 0.7  # of the wrong writes; the others have a misspelt id


@dataclass(frozen=True, kw_only=True)
class WrongCall:
    """A call in place of the `right` one; both are the same where a policy forbids it.

    `param` is the parameter that is wrong. A call that changes the state shows a `fact` that the right call would not
    have brought about, and `repair` are the writes that lead from there to the goal.
    """

    action: Action
    right: Action
    param: str
    fact: Fact | None = None
    repair: tuple[Action, ...] | None = None

    def is_shown_by(self, seen: Observation, rows: Mapping[str, Row]) -> bool:
        """Whether an observation contradicts the call. `rows` is the state before it."""
        if self.action == self.right:
            return seen.status == "denied" or self.repair is not None
        if self.fact is not None:
            return self.fact.key in seen.content and str(self.fact.value or "") in seen.content
        return seen.status != "ok" or not any(key in seen.content for key in rows)


@dataclass(frozen=True, kw_only=True)
class Situation:
    """The state a wrong call is made in, the state the plan leads to, and the keys and values that are known."""

    world: World
    rows: Rows
    goal: Mapping[str, Row]
    known: Sequence[str]
    values: Sequence[Value]
    enforced: bool

    def draw(self, rng: random.Random, right: Action) -> WrongCall:
        """A wrong version of `right`: a misspelt name or id, another row or another value."""
        tool = self.world.tools[right.tool]
        if isinstance(tool, Write) and rng.random() < _OTHER_ARGUMENT_SHARE:
            for param in rng.sample(tool.params, len(tool.params)):
                other = self._other(rng, param, right.arguments[param.name])
                if other is None:
                    continue
                wrong = self.judge(right.with_argument(param.name, other), right, param.name)
                if wrong is not None:
                    return wrong
        param = rng.choice([param for param in tool.params if param.refers or isinstance(tool, Read)])
        misspelt = _misspell(rng, self.rows, str(right.arguments[param.name]), is_key=bool(param.refers))
        return WrongCall(action=right.with_argument(param.name, misspelt), right=right, param=param.name)

    def judge(self, action: Action, right: Action, param: str) -> WrongCall | None:
        """The call as a wrong one; None where its reply does not show it or the offered tools cannot undo it."""
        reached = dict(self.rows)
        outcome = write(self.world, action, reached, enforce=self.enforced)
        if outcome.status != "ok":
            return WrongCall(action=action, right=right, param=param)
        if reached in (self.rows, self.goal):
            return None
        fact = self._contradiction(reached, outcome.touched, right)
        if fact is None and action != right:
            return None
        repair = plan_writes(self.world, reached, self.goal, values=self.values, max_writes=3)
        if repair is None or not {*self.known, *outcome.touched}.issuperset(keys_of(self.world, repair)):
            return None
        return WrongCall(action=action, right=right, param=param, fact=fact, repair=tuple(repair))

    def _contradiction(self, reached: Rows, touched: Sequence[str], right: Action) -> Fact | None:
        """A value that a wrong call left in a row it touched and that the right call would not have left there."""
        wanted = dict(self.rows)
        write(self.world, right, wanted, enforce=self.enforced)
        for key in touched:
            other = wanted.get(key)
            for column, value in reached.get(key, {}).items():
                if other is None or other[column] != value:
                    return Fact(key, column, value)
        return None

    def _other(self, rng: random.Random, param: Param, value: Value) -> Value:
        """Another known row or another value for the parameter; None where there is none."""
        if param.refers:
            table = self.world.table[param.refers]
            others = [
                key for key in self.known if key != value and key in self.rows and self.world.table_of(key) is table
            ]
            return rng.choice(others) if others else None
        other = draw_value(rng, param)
        return other if other != value else None


def _misspell(rng: random.Random, rows: Rows, text: str, *, is_key: bool) -> str:
    """A name with a letter lost, or an id with a digit changed; no row has it."""
    taken = {*rows, *(str(field).casefold() for row in rows.values() for field in row.values())}
    while True:
        if is_key:
            place = rng.choice([index for index, character in enumerate(text) if character.isdigit()])
            wrong = text[:place] + rng.choice("123456789") + text[place + 1 :]
        else:
            place = rng.randrange(1, len(text))
            wrong = (text[:place] + text[place + 1 :]).strip()
        if wrong not in taken and wrong.casefold() not in taken:
            return wrong
