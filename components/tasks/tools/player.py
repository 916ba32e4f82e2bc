"""Solves a task: carries out a plan, reads what comes back, and plans anew where a wrong call changed the world.

The state that was brought about is kept in plain rows. No sentence about a call is written before its observation.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from components.agent.environment import Observation, Task
from components.tasks.kit.oracle import Answer, Mistake, Moves, Player, Turn
from components.tasks.kit.wording import phrase
from components.tasks.tools import wording
from components.tasks.tools.dialect import Dialect, draw_dialect
from components.tasks.tools.environment import DRIFTED, Verdict
from components.tasks.tools.faults import FINAL, Fault, dashed
from components.tasks.tools.interpreter import after, forbidden, value_of, write
from components.tasks.tools.planner import keys_of
from components.tasks.tools.registry import world_of
from components.tasks.tools.requests import draw_value, show_action
from components.tasks.tools.schema import Action, Fact, Read, World
from components.tasks.tools.tables import Rows
from components.tasks.tools.wrong_calls import Situation, WrongCall

ERROR_ATTEMPTS = 3
ACCEPTED_ATTEMPTS = 2
_PREMATURE_SHARE = 0.6  # of the mistakes where nothing may be changed


@dataclass(kw_only=True)
class Solver:
    """One solution. `world` holds only the writes the task offers; `reads` and `writes` are the plan.

    `known` are the keys seen so far, in that order. `text` is what the next turn says of the last observation; it is
    empty before the first. `report` is what the last write changed.
    """

    rng: random.Random
    world: World
    dialect: Dialect
    rows: Rows
    actions: tuple[Action, ...]
    reads: tuple[Action, ...]
    writes: tuple[Action, ...]
    by_name: bool
    enforced: bool
    verdict: Verdict
    omitted: str
    fault: Fault | None
    known: dict[str, None]
    text: str = ""
    report: str = ""

    @classmethod
    def of(cls, task: Task, rng: random.Random) -> Solver:
        payload = task.payload
        whole = world_of(payload["worlds"])
        actions, reads, writes = (
            tuple(Action(**tree) for tree in payload[name]) for name in ("actions", "reads", "writes")
        )
        return cls(
            rng=rng,
            world=whole.offering(payload["offered"]),
            dialect=draw_dialect(whole, payload["dialect"]),
            rows={key: dict(row) for key, row in payload["rows"].items()},
            actions=actions,
            reads=reads,
            writes=writes,
            by_name=payload["by_name"],
            enforced=payload["enforced"],
            verdict=payload["expectation"]["verdict"],
            omitted=payload["omitted"],
            fault=Fault(**payload["fault"]) if payload["fault"] else None,
            known=dict.fromkeys([] if payload["by_name"] else keys_of(whole, actions)),
        )

    def solve(self, wrong_branch: bool) -> Player:
        if self.fault is not None:
            return self._against_fault(wrong_branch)
        return self._carry_out(wrong_branch) if self.verdict == "done" else self._look_and_decide(wrong_branch)

    def _carry_out(self, wrong_branch: bool) -> Player:
        goal = after(self.world, self.writes, self.rows)
        assert goal is not None
        calls = [*self.reads, *self.writes]
        yield from self._walk(calls, goal, self.rng.randrange(len(calls)) if wrong_branch else None)
        return self._answer(phrase(self.rng, "[Done: {report}.|Done. {report}.]", report=self.report))

    def _look_and_decide(self, wrong_branch: bool) -> Player:
        """Nothing may be changed: look at what is named, then say why."""
        start = dict(self.rows)
        premature = self._premature(start) if wrong_branch and self.rng.random() < _PREMATURE_SHARE else None
        mistake_at = self.rng.randrange(len(self.reads)) if wrong_branch and premature is None else None
        yield from self._walk(self.reads, start, mistake_at)
        if premature is not None:
            yield from self._make_mistake(premature)
            yield from self._walk(premature.repair or (), start, None)
        return self._decide()

    def _against_fault(self, wrong_branch: bool) -> Player:
        mistake_at = self.rng.randrange(len(self.reads)) if wrong_branch else None
        yield from self._walk(self.reads, self.rows, mistake_at, self.writes)
        (action,) = self.writes
        key = str(action.arguments[self.world.write(action.tool).changed_arg])
        wanted = after(self.world, [action], self.rows)
        assert wanted is not None
        right_row = self.dialect.one(key, wanted[key])
        call, errors, silences = action, 0, 0
        name = self.dialect.names[action.tool]
        while True:
            seen = yield self._turn(call, phrase(self.rng, "[Call {name}.|Now {name}.|]", name=name))
            if seen.content == DRIFTED:
                call = _with_dashes(self.world, action)
                self.text = phrase(self.rng, "[It says: {fault}.|Another form is wanted: {fault}.]", fault=DRIFTED)
            elif seen.status == "error":
                errors += 1
                self.text = f"It failed: {seen.content}."
                if errors == ERROR_ATTEMPTS or any(words in seen.content for words in FINAL):
                    return self._answer(f"Failed: {name} answers {seen.content}.")
                self.text += f" {phrase(self.rng, '[That may pass.|Try again.]')}"
            elif right_row in seen.content:
                self.text = self.report = f"{wording.changes(self.rows, wanted)}."
                return self._answer(f"Done: {self.report}")
            else:
                self.text = phrase(self.rng, "[It was accepted; look whether it is so.|Accepted. Read it back.]")
                seen = yield self._turn(show_action(self.world, key))
                if seen.content == right_row:
                    self.report = f"{wording.changes({key: self.rows[key]}, {key: wanted[key]})}."
                    self.text = f"Confirmed: {self.report}"
                    return self._answer(f"Done: {self.report}")
                silences += 1
                self.text = wording.unchanged(self.rng, key, self.rows[key], wanted[key])
                if silences == ACCEPTED_ATTEMPTS:
                    return self._answer(f"Failed: {name} was accepted but changes nothing.")

    def _walk(self, calls: Sequence[Action], goal: Rows, mistake_at: int | None, later: Sequence[Action] = ()) -> Moves:
        """Run calls in order; before the one at `mistake_at` make a wrong one, and if that changed the world, plan
        anew. `later` are calls that follow the walk: the first plan may speak of them."""
        queue, taken = deque(calls), 0
        while queue:
            action = queue[0]
            plan = "" if self.text else wording.first_plan(self.rng, self.dialect, [*queue, *later])
            if taken == mistake_at:
                wrong = self._situation(goal).draw(self.rng, action)
                yield from self._make_mistake(wrong, plan)
                queue = queue if wrong.repair is None else deque(wrong.repair)
            else:
                queue.popleft()
                seen = yield self._turn(action, plan)
                self._take_in(action, seen)
            taken += 1

    def _make_mistake(self, wrong: WrongCall, plan: str = "") -> Moves:
        """Make the wrong call and say what contradicts it."""
        seen = yield Mistake(
            name=f"wrong {wrong.param}",
            text=self._opening(),
            plan=plan,
            call=self.dialect.call(wrong.action),
            shows=lambda seen: wrong.is_shown_by(seen, self.rows),
        )
        if wrong.action != wrong.right:
            self.text = wording.mistake(self.rng, wrong, seen, omitted=self.omitted)
        elif seen.status == "denied":
            self.text = phrase(self.rng, "[It was denied: {rule}.|Denied: {rule}.]", rule=seen.content)
        else:
            self.text = f"{self._ground()} It went through all the same and must be undone."
        if wrong.repair is not None:
            self.known |= dict.fromkeys(write(self.world, wrong.action, self.rows, enforce=self.enforced).touched)

    def _turn(self, action: Action, plan: str = "") -> Turn:
        return Turn(text=self._opening(), plan=plan, call=self.dialect.call(action))

    def _opening(self) -> str:
        return self.text or wording.analysis(self.rng, self.actions, by_name=self.by_name)

    def _answer(self, summary: str) -> Answer:
        return Answer(text=self.text, summary=summary)

    def _take_in(self, action: Action, seen: Observation) -> None:
        """Note what a right call brought back."""
        assert seen.status == "ok", seen.content
        if isinstance(self.world.tools[action.tool], Read):
            self.text = wording.found(self.rng, self.dialect, action, self.rows, seen)
            self.known |= dict.fromkeys(key for key in self.rows if key in seen.content)
            return
        before = dict(self.rows)
        outcome = write(self.world, action, self.rows)
        assert outcome.status == "ok" and all(key in seen.content for key in outcome.touched)
        self.report = wording.changes(before, self.rows)
        self.text = f"{self.report}."

    def _situation(self, goal: Rows) -> Situation:
        values = [value for action in self.actions for value in action.arguments.values()]
        return Situation(
            world=self.world,
            rows=self.rows,
            goal=goal,
            known=list(self.known),
            values=values,
            enforced=self.enforced,
        )

    def _premature(self, start: Rows) -> WrongCall | None:
        """The call of somebody who does not decide first: the forbidden one, or one with a guessed value."""
        (right,) = self.actions
        if right.tool not in self.world.tools:  # not offered
            return None
        tool = self.world.write(right.tool)
        guess = right
        if self.omitted:
            (param,) = [param for param in tool.params if param.name == self.omitted]
            guess = right.with_argument(self.omitted, draw_value(self.rng, param))
        known, values = keys_of(self.world, self.actions), list(guess.arguments.values())
        situation = replace(self._situation(start), known=known, values=values)
        wrong = situation.judge(guess, right, self.omitted or tool.params[0].name)
        return wrong if not self.omitted or (wrong and wrong.fact) else None

    def _ground(self) -> str:
        (action,) = self.actions
        policy = forbidden(self.world, self.world.write(action.tool), action.arguments, self.rows)
        assert policy is not None
        value = value_of(self.world, policy.fact, action.arguments, self.rows)
        fact = Fact(str(action.arguments[policy.fact.name]), policy.fact.column, value)
        return wording.rule_applies(self.rng, policy, fact)

    def _decide(self) -> Answer:
        (action,) = self.actions
        if self.verdict == "refused":
            return self._answer(f"Refused: {self._ground()}")
        if self.verdict == "missing":
            name = self.dialect.params[action.tool][self.omitted]
            self.text += f" {wording.not_given(self.rng, name)}"
            return self._answer(phrase(self.rng, "[Missing: {name}.|Missing: the request gives no {name}.]", name=name))
        self.text += f" {wording.no_tool(self.rng, action)}"
        wanted = action.tool.replace("_", " ")
        pattern = "[Failed: there is no tool to {wanted}.|Failed: no tool can {wanted}.]"
        return self._answer(phrase(self.rng, pattern, wanted=wanted))


def _with_dashes(world: World, action: Action) -> Action:
    arguments = {
        name: dashed(value) if isinstance(value, str) and world.table_of(value) else value
        for name, value in action.arguments.items()
    }
    return Action(tool=action.tool, arguments=arguments)
