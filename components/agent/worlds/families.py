"""Task families over worlds: single calls, chains, a missing parameter, a forbidden call, a long tool list, a fault.

All draw the same way: a world of the split, a populated state, a request, a plan, the tools that are offered and a
dialect in which they are shown.
"""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from components.agent.draws import named_rng
from components.agent.environment import Environment, Oracle, Split, Task
from components.agent.worlds.database import state_hash
from components.agent.worlds.dialect import Dialect, draw_dialect
from components.agent.worlds.environment import Expectation, Verdict, WorldEnvironment
from components.agent.worlds.faults import Fault, draw_fault
from components.agent.worlds.interpreter import after, holds, value_of
from components.agent.worlds.oracle import Solver, offering
from components.agent.worlds.planner import keys_of, plan_writes, unnecessary
from components.agent.worlds.registry import worlds_of
from components.agent.worlds.requests import (
    Request,
    draw_pair,
    draw_request,
    populate,
    reads_for,
    say_request,
    show_action,
)
from components.agent.worlds.schema import Action, World, Write, combine

_PAIR_SHARE = 0.4
_ENFORCED_SHARE = 0.5
_NO_TOOL_SHARE = 0.25
_CONFIRMED_SHARE = 0.5  # of the writes whose fault shows itself
_MORE_TOOLS = (1, 4)
_MANY_TOOLS = (10, 16)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A task before it is written down. `reads` and `writes` are the oracle's plan; `omitted` is a parameter the
    request leaves out, `withheld` a tool that is not offered."""

    world: World
    request: Request
    reads: tuple[Action, ...] = ()
    writes: tuple[Action, ...] = ()
    verdict: Verdict = "done"
    omitted: str = ""
    withheld: str = ""
    enforced: bool = True
    confirms: bool = True
    fault: Fault | None = None

    @property
    def asked(self) -> Write:
        """The tool the (first) request is about."""
        tool = self.world.tools[self.request.actions[0].tool]
        assert isinstance(tool, Write)
        return tool


class WorldFamily(ABC):
    """Tasks in worlds of the split; raises nothing, every seed is a task."""

    name: str
    domain = "tool"

    @abstractmethod
    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        """Draw what is asked and how it is solved."""

    def expect(self, draft: Draft, dialect: Dialect) -> Expectation:
        """What the right answer is: by default that the plan's end state is reached."""
        return Expectation(verdict="done", end=_end(draft))

    def offer(self, rng: random.Random, draft: Draft) -> list[str]:
        """The tools the plan needs, the tool that is asked for and a few more of the world, in any order."""
        needed = _needed(draft)
        others = [name for name in draft.world.tools if name not in needed]
        return _mixed(rng, needed, others, rng.randint(*_MORE_TOOLS))

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        draft = self.draft(rng, worlds_of(split))
        dialect_seed = rng.getrandbits(32)
        dialect = draw_dialect(draft.world, dialect_seed)
        offered = self.offer(rng, draft)
        return Task(
            id=f"{self.name}/{split}/{seed}",
            family=self.name,
            domain=self.domain,
            seed=seed,
            split=split,
            prompt=say_request(rng, draft.world, draft.request, without=draft.omitted),
            tools=tuple(dialect.spec(name) for name in offered),
            payload={
                "worlds": draft.world.name.split("+"),
                "rows": draft.request.rows,
                "actions": [asdict(action) for action in draft.request.actions],
                "by_name": draft.request.by_name,
                "reads": [asdict(action) for action in draft.reads],
                "writes": [asdict(action) for action in draft.writes],
                "offered": offered,
                "dialect": dialect_seed,
                "expectation": asdict(self.expect(draft, dialect)),
                "omitted": draft.omitted,
                "enforced": draft.enforced,
                "confirms": draft.confirms,
                "fault": asdict(draft.fault) if draft.fault else None,
            },
        )

    def start(self, task: Task) -> Environment:
        return WorldEnvironment.start(task)

    def oracle(self, task: Task, rng: random.Random, wrong_branch: bool) -> Oracle:
        return Solver.of(task, rng).steps(wrong_branch)


class SingleFamily(WorldFamily):
    """One call, ids given."""

    name = "tools_single"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        world = rng.choice(worlds)
        request = draw_request(rng, world, by_name=False, tools=world.writes)
        return Draft(world=world, request=request, writes=_plan(world, request))


class ChainFamily(WorldFamily):
    """Names are given and ids must be found first; one write, or two in an order that works."""

    name = "tools_chain"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        world = rng.choice(worlds)
        if rng.random() < _PAIR_SHARE:
            request = draw_pair(rng, world)
        else:
            request = draw_request(rng, world, by_name=True, tools=world.writes)
        return Draft(world=world, request=request, reads=tuple(reads_for(world, request)), writes=_plan(world, request))


class MissingFamily(WorldFamily):
    """The request leaves a parameter out that nothing in the world tells: the answer names it, nothing changes."""

    name = "tools_missing"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        world = rng.choice(worlds)
        request = draw_request(
            rng, world, by_name=rng.random() < 0.5, tools=[tool for tool in world.writes if tool.tails]
        )
        draft = Draft(world=world, request=request, reads=tuple(_looks(world, request)), verdict="missing")
        return replace(draft, omitted=rng.choice(list(draft.asked.tails)))

    def expect(self, draft: Draft, dialect: Dialect) -> Expectation:
        params = dialect.params[draft.asked.name]
        return Expectation(
            verdict="missing",
            end=_end(draft),
            seen=tuple(_named(draft)),
            says=_words(params[draft.omitted]),
            silent_on=tuple(
                word for name, surface in params.items() if name != draft.omitted for word in _words(surface)
            ),
        )


class RefusalFamily(WorldFamily):
    """A policy forbids what is asked; in half of the tasks nothing but the policy stands in the way."""

    name = "tools_refusal"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        world = rng.choice(worlds)
        tools = [tool for tool in world.writes if tool.policies]
        request = draw_request(rng, world, by_name=rng.random() < 0.5, tools=tools, violates=True)
        draft = Draft(world=world, request=request, verdict="refused", enforced=rng.random() < _ENFORCED_SHARE)
        if request.by_name:
            return replace(draft, reads=tuple(reads_for(world, request)))
        (key, _), *_ = _grounds(draft)
        return replace(draft, reads=(show_action(world, key),))

    def expect(self, draft: Draft, dialect: Dialect) -> Expectation:
        return Expectation(verdict="refused", end=_end(draft), grounds=tuple(_grounds(draft)))


class IrrelevantFamily(WorldFamily):
    """Tools of several worlds and few that fit; in a quarter of the tasks none does, and the answer says so."""

    name = "tools_irrelevant"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        base, *others = rng.sample(worlds, min(len(worlds), 3))
        without_tool = rng.random() < _NO_TOOL_SHARE
        while True:
            request = draw_request(rng, base, by_name=True, tools=base.writes)
            plan = _plan(base, request)
            left = offering(base, [tool.name for tool in base.writes if tool.name != request.actions[0].tool])
            if not without_tool or not _reachable(left, base, request):
                break
        rows = dict(request.rows)
        for other in others:
            rows |= populate(rng, other)
        draft = Draft(
            world=combine(base, *others),
            request=replace(request, rows=rows),
            reads=tuple(reads_for(base, request)),
            writes=plan,
        )
        if without_tool:
            return replace(draft, writes=(), verdict="failed", withheld=draft.asked.name)
        return draft

    def expect(self, draft: Draft, dialect: Dialect) -> Expectation:
        if not draft.withheld:
            return super().expect(draft, dialect)
        return Expectation(verdict="failed", end=_end(draft), seen=tuple(_named(draft)), says=("no", "tool"))

    def offer(self, rng: random.Random, draft: Draft) -> list[str]:
        needed = _needed(draft)
        others = [name for name in draft.world.tools if name not in needed and name != draft.withheld]
        return _mixed(rng, needed, others, rng.randint(*_MANY_TOOLS) - len(needed))


class FaultFamily(WorldFamily):
    """The tool that is needed fails, openly or silently, for a while or for good, or takes ids in another form."""

    name = "tools_fault"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        while True:
            world = rng.choice(worlds)
            tools = [tool for tool in world.writes if tool.changed_arg is not None]
            request = draw_request(rng, world, by_name=True, tools=tools)
            (action,) = request.actions
            fault = draw_fault(rng, action.tool)
            left = offering(world, [tool.name for tool in world.writes if tool.name != action.tool])
            # Where another way leads to the goal, giving up would be wrong.
            if _plan(world, request) == (action,) and (fault.can_be_overcome or not _reachable(left, world, request)):
                break
        silent = fault.form in ("no_op", "none")
        return Draft(
            world=world,
            request=request,
            reads=tuple(reads_for(world, request)),
            writes=(action,),
            verdict="done" if fault.can_be_overcome else "failed",
            confirms=not silent and rng.random() < _CONFIRMED_SHARE,
            fault=fault,
        )

    def expect(self, draft: Draft, dialect: Dialect) -> Expectation:
        if draft.verdict == "done":
            return super().expect(draft, dialect)
        start = state_hash(draft.request.rows)
        return Expectation(verdict="failed", end=start, says=_words(dialect.names[draft.asked.name]))


def world_families() -> list[WorldFamily]:
    return [
        SingleFamily(),
        ChainFamily(),
        MissingFamily(),
        RefusalFamily(),
        IrrelevantFamily(),
        FaultFamily(),
    ]


def _plan(world: World, request: Request) -> tuple[Action, ...]:
    """The planner's way to where the requested actions lead."""
    goal = after(world, request.actions, request.rows)
    assert goal is not None, "a request can be carried out"
    plan = plan_writes(world, request.rows, goal, values=request.values, max_writes=len(request.actions))
    assert plan and not unnecessary(world, request.rows, goal, plan)
    return tuple(plan)


def _reachable(others: World, whole: World, request: Request) -> bool:
    """Whether the writes of `others` alone lead where the requested actions lead."""
    goal = after(whole, request.actions, request.rows)
    assert goal is not None
    return plan_writes(others, request.rows, goal, values=request.values, max_writes=3) is not None


def _end(draft: Draft) -> str:
    end = after(draft.world, draft.writes, draft.request.rows)
    assert end is not None
    return state_hash(end)


def _named(draft: Draft) -> list[str]:
    """The keys of the rows that the plan's reads show because the request names them."""
    keys = keys_of(draft.world, draft.request.actions)
    return keys if draft.request.by_name else keys[:1]


def _looks(world: World, request: Request) -> list[Action]:
    """What is looked at before a question is asked back: the rows that are named, or the first of the ids."""
    if request.by_name:
        return reads_for(world, request)
    return [show_action(world, keys_of(world, request.actions)[0])]


def _grounds(draft: Draft) -> list[tuple[str, str]]:
    """The rows that show that a policy forbids the call, each with the word that says so."""
    (action,), rows, found = draft.request.actions, draft.request.rows, []
    for policy in draft.asked.policies:
        if holds(draft.world, policy.when, action.arguments, rows):
            value = str(value_of(draft.world, policy.fact, action.arguments, rows))
            found.append((str(action.arguments[policy.fact.name]), policy.fact.column if value == "yes" else value))
    return found


def _needed(draft: Draft) -> list[str]:
    names = [action.tool for action in (*draft.reads, *draft.writes)]
    if not draft.withheld:
        names += [action.tool for action in draft.request.actions]
    if draft.fault is not None:
        action, arg = draft.request.actions[0], draft.asked.changed_arg
        assert arg is not None
        names.append(show_action(draft.world, str(action.arguments[arg])).tool)
    return list(dict.fromkeys(names))


def _mixed(rng: random.Random, needed: list[str], others: list[str], more: int) -> list[str]:
    chosen = [*needed, *rng.sample(others, max(0, min(len(others), more)))]
    return rng.sample(chosen, len(chosen))


def _words(name: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", name.casefold()))
