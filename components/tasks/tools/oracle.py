"""The oracle: carries out a plan, looks at what comes back, and plans anew where a wrong call changed the world.

It keeps the state it has brought about in plain rows and never writes a sentence about a call before its observation.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from components.agent.environment import Label, Observation, Oracle, OracleStep, Task
from components.tasks.tools import narration
from components.tasks.tools.dialect import Dialect, draw_dialect
from components.tasks.tools.environment import DRIFTED, Verdict, world_of
from components.tasks.tools.faults import FINAL, Fault, dashed
from components.tasks.tools.interpreter import after, forbidden, value_of, write
from components.tasks.tools.planner import keys_of
from components.tasks.tools.requests import draw_value, show_action
from components.tasks.tools.schema import Action, Read, Rows, Value, World, Write
from components.tasks.tools.slips import Slip, contradiction, draw_slip, judge

ERROR_ATTEMPTS = 3
ACCEPTED_ATTEMPTS = 2

_Turns = Generator[OracleStep, Observation, Observation]
_Walk = Generator[OracleStep, Observation, None]


@dataclass(kw_only=True)
class Solver:
    """One solution. `world` holds only the writes the task offers; `reads` and `writes` are the plan."""

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
    known: set[str] = field(default_factory=set)
    reflection: str = ""
    report: str = ""
    label: Label = "good"
    started: bool = False

    @classmethod
    def of(cls, task: Task, rng: random.Random) -> Solver:
        payload = task.payload
        whole = world_of(payload["worlds"])
        dialect = draw_dialect(whole, payload["dialect"])
        actions, reads, writes = (
            tuple(Action(**tree) for tree in payload[name]) for name in ("actions", "reads", "writes")
        )
        return cls(
            rng=rng,
            world=offering(whole, payload["offered"]),
            dialect=dialect,
            rows={key: dict(row) for key, row in payload["rows"].items()},
            actions=actions,
            reads=reads,
            writes=writes,
            by_name=payload["by_name"],
            enforced=payload["enforced"],
            verdict=payload["expectation"]["verdict"],
            omitted=payload["omitted"],
            fault=Fault(**payload["fault"]) if payload["fault"] else None,
            known=set() if payload["by_name"] else set(keys_of(whole, actions)),
        )

    def steps(self, wrong_branch: bool) -> Oracle:
        if self.fault is not None:
            yield from self._against_fault(self.fault, wrong_branch)
        elif self.verdict == "done":
            yield from self._carry_out(wrong_branch)
        else:
            yield from self._look_and_decide(wrong_branch)

    def _carry_out(self, wrong_branch: bool) -> Oracle:
        goal = after(self.world, self.writes, self.rows)
        assert goal is not None
        calls = [*self.reads, *self.writes]
        yield from self._walk(calls, goal, self.rng.randrange(len(calls)) if wrong_branch else None)
        yield self._end(self.rng.choice(("Done: {}.", "Done. {}.")).format(self.report))

    def _look_and_decide(self, wrong_branch: bool) -> Oracle:
        """Nothing may be changed: look at what is named, then say why."""
        start = dict(self.rows)
        rash = self._rash(start) if wrong_branch and self.rng.random() < 0.6 else None
        stray_at = self.rng.randrange(len(self.reads)) if wrong_branch and rash is None else None
        yield from self._walk(list(self.reads), start, stray_at)
        if rash is not None:
            yield from self._stray(rash, self.actions[0])
            if rash.repair:
                yield from self._walk(list(rash.repair), start, None)
        yield self._decide()

    def _against_fault(self, fault: Fault, wrong_branch: bool) -> Oracle:
        yield from self._walk(
            list(self.reads), self.rows, self.rng.randrange(len(self.reads)) if wrong_branch else None, self.writes
        )
        (action,) = self.writes
        tool = self.world.tools[action.tool]
        assert isinstance(tool, Write) and tool.changed_arg is not None
        key = str(action.arguments[tool.changed_arg])
        wanted = after(self.world, [action], self.rows)
        assert wanted is not None
        call, errors, silences = action, 0, 0
        name = self.dialect.names[action.tool]
        while True:
            seen = yield from self._turn(call, self.rng.choice(("Call {}.", "Now {}.", "")).format(name))
            if seen.status == "error":
                errors += 1
                if seen.content == DRIFTED:
                    call = _with_dashes(self.world, action)
                    self.reflection = self.rng.choice(("It says: {}.", "Another form is wanted: {}.")).format(DRIFTED)
                    continue
                final = any(words in seen.content for words in FINAL)
                self.reflection = f"It failed: {seen.content}."
                if final or errors == ERROR_ATTEMPTS:
                    yield self._end(f"Failed: {name} answers {seen.content}.")
                    return
                self.reflection += self.rng.choice((" That may pass.", " Try again."))
                continue
            if self.dialect.one(key, wanted[key]) in seen.content:  # the reply shows the row itself
                self.reflection = self.report = f"{narration.changed(self.rows, wanted)}."
                break
            self.reflection = self.rng.choice(("It was accepted; look whether it is so.", "Accepted. Read it back."))
            seen = yield from self._turn(show_action(self.world, key), "")
            if seen.content == self.dialect.one(key, wanted[key]):
                self.report = f"{narration.changed({key: self.rows[key]}, {key: wanted[key]})}."
                self.reflection = f"Confirmed: {self.report}"
                break
            silences += 1
            self.reflection = narration.unchanged(self.rng, key, self.rows[key], wanted[key])
            if silences == ACCEPTED_ATTEMPTS:
                yield self._end(f"Failed: {name} was accepted but changes nothing.")
                return
        yield self._end(f"Done: {self.report}")

    def _walk(self, calls: Sequence[Action], goal: Rows, stray_at: int | None, later: Sequence[Action] = ()) -> _Walk:
        """Run calls in order; before the one at `stray_at` take a wrong one, and if that changed the world, plan anew.

        `later` are calls that follow the walk: the first plan may speak of them.
        """
        queue, taken = deque(calls), 0
        values = tuple(value for action in self.actions for value in action.arguments.values())
        while queue:
            action = queue[0]
            plan = "" if self.started else narration.first_plan(self.rng, self.dialect, [*queue, *later])
            if taken == stray_at:
                slip = draw_slip(
                    self.rng,
                    self.world,
                    self.rows,
                    action,
                    goal=goal,
                    known=self.known,
                    values=values,
                    enforced=self.enforced,
                )
                yield from self._stray(slip, action, plan)
                queue = queue if slip.repair is None else deque(slip.repair)
            else:
                queue.popleft()
                seen = yield from self._turn(action, plan)
                self._note(action, seen)
            taken += 1

    def _stray(self, slip: Slip, right: Action, plan: str = "") -> _Walk:
        """Take the wrong call and say what contradicts it."""
        self.label = "wrong"
        seen = yield from self._turn(slip.action, plan)
        self.label = "recovery"
        tool = self.world.tools[slip.action.tool]
        value = right.arguments[slip.param]
        if slip.action == right:
            self.reflection = self._rashness(seen, slip)
        elif slip.repair is not None:
            fact = contradiction(self.world, self.rows, slip.action, right, enforced=self.enforced)
            assert fact is not None and fact[0] in seen.content and str(fact[2] or "") in seen.content
            if slip.param == self.omitted:
                self.reflection = narration.guessed(self.rng, fact, slip.param)
            else:
                self.reflection = narration.contradicted(self.rng, fact, slip.param, value)
        elif seen.status != "ok":
            self.reflection = narration.refused_call(self.rng, seen, slip.param, value)
        else:
            assert isinstance(tool, Read) and not any(key in seen.content for key in self.rows)
            self.reflection = narration.nothing_found(self.rng, slip.action.arguments[slip.param], value)
        if slip.repair is not None:
            before = set(self.rows)
            write(self.world, slip.action, self.rows, enforce=self.enforced)
            self.known |= set(self.rows) - before

    def _turn(self, action: Action, plan: str) -> _Turns:
        opening = ""
        if not self.started:
            opening = narration.analysis(self.rng, self.actions, by_name=self.by_name)
        label, reflection = self.label, self.reflection
        self.started, self.label, self.reflection = True, "good", ""
        return (
            yield OracleStep(
                analysis=opening, reflection=reflection, plan=plan, call=self.dialect.call(action), label=label
            )
        )

    def _end(self, summary: str) -> OracleStep:
        return OracleStep(reflection=self.reflection, summary=summary, label=self.label)

    def _note(self, action: Action, seen: Observation) -> None:
        """Take in what a right call brought."""
        assert seen.status == "ok", seen.content
        tool = self.world.tools[action.tool]
        if isinstance(tool, Read):
            self.reflection = narration.found(self.rng, self.dialect, action, self.rows, seen)
            self.known |= {key for key in self.rows if key in seen.content}
            return
        before = dict(self.rows)
        outcome = write(self.world, action, self.rows)
        assert outcome.status == "ok" and all(key in seen.content for key in outcome.touched)
        self.report = narration.changed(before, self.rows)
        self.reflection = f"{self.report}."

    def _rash(self, start: Rows) -> Slip | None:
        """What somebody does who does not decide first: the forbidden call, or one with a guessed value."""
        (action,) = self.actions
        tool = self.world.tools.get(action.tool)
        if not isinstance(tool, Write):  # not offered
            return None
        guess = dict(action.arguments)
        if self.omitted:
            like = next(param.like for param in tool.params if param.name == self.omitted)
            assert like is not None
            guess[self.omitted] = draw_value(self.rng, like)
        known = {*self.known, *keys_of(self.world, self.actions)}
        values: tuple[Value, ...] = tuple(guess.values())
        tried = Action(tool=action.tool, arguments=guess)
        param = self.omitted or tool.params[0].name
        slip = judge(self.world, start, tried, param, goal=start, known=known, values=values, enforced=self.enforced)
        if slip is None or (self.omitted and slip.repair is None):
            return None
        if not self.omitted:  # the right call does not exist, so the reflection speaks of the rule
            return slip
        return slip if contradiction(self.world, start, tried, action, enforced=self.enforced) else None

    def _rashness(self, seen: Observation, slip: Slip) -> str:
        if seen.status == "denied":
            return self.rng.choice(("It was denied: {}.", "Denied: {}.")).format(seen.content)
        (action,) = self.actions
        tool = self.world.tools[action.tool]
        assert isinstance(tool, Write) and slip.repair is not None
        return f"{self._ground()} It went through all the same and must be undone."

    def _ground(self) -> str:
        (action,) = self.actions
        tool = self.world.tools[action.tool]
        assert isinstance(tool, Write)
        policy = forbidden(self.world, tool, action.arguments, self.rows)
        assert policy is not None
        value = value_of(self.world, policy.fact, action.arguments, self.rows)
        return narration.rule_applies(self.rng, policy, str(action.arguments[policy.fact.name]), value)

    def _decide(self) -> OracleStep:
        (action,) = self.actions
        if self.verdict == "refused":
            return self._end(f"Refused: {self._ground()}")
        if self.verdict == "missing":
            name = self.dialect.params[action.tool][self.omitted]
            self.reflection += f" {narration.not_given(self.rng, name)}"
            return self._end(self.rng.choice(("Missing: {}.", "Missing: the request gives no {}.")).format(name))
        self.reflection += f" {narration.no_tool(self.rng, action)}"
        wanted = action.tool.replace("_", " ")
        return self._end(self.rng.choice(("Failed: there is no tool to {}.", "Failed: no tool can {}.")).format(wanted))


def offering(world: World, names: Sequence[str]) -> World:
    """The world with only those writes; its reads follow from its tables."""
    return World(
        name=world.name,
        setting=world.setting,
        tables=world.tables,
        writes=tuple(tool for tool in world.writes if tool.name in names),
    )


def _with_dashes(world: World, action: Action) -> Action:
    arguments = {
        name: dashed(value) if isinstance(value, str) and world.table_of(value) else value
        for name, value in action.arguments.items()
    }
    return Action(tool=action.tool, arguments=arguments)
