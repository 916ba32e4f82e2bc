"""Task families over worlds: single calls, chains, a missing parameter, a forbidden call, a long tool list, a fault.

All draw the same way: a world of the split, a populated state, a request, a plan, the tools that are offered and a
dialect in which they are shown.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, replace

from components.agent.environment import End, Environment, Oracle, Split, Task, make_task
from components.agent.factbook import Knowledge
from components.core.params import Stream
from components.core.seeding import named_rng
from components.tasks.tools.database import state_hash
from components.tasks.tools.dialect import Dialect, draw_dialect
from components.tasks.tools.drafts import (
    Draft,
    end_hash,
    grounds,
    looks,
    mixed,
    named_keys,
    needed_tools,
    plan_of,
    reachable,
    words_of,
)
from components.tasks.tools.environment import Expectation, Verdict, WorldEnvironment
from components.tasks.tools.faults import declared, draw_fault
from components.tasks.tools.oracle import Solver, offering
from components.tasks.tools.registry import worlds_of
from components.tasks.tools.requests import (
    draw_pair,
    draw_request,
    populate,
    reads_for,
    say_request,
    show_action,
)
from components.tasks.tools.schema import World, combine

_PAIR_SHARE = 0.4
_ENFORCED_SHARE = 0.5
_NO_TOOL_SHARE = 0.25
_CONFIRMED_SHARE = 0.5  # of the writes whose fault shows itself
# Asking for what is missing is no answer to the task, stopping with a true report is an end of it.
_ENDS: dict[Verdict, End] = {
    "done": "success",
    "missing": "abstain_correct",
    "refused": "abort_correct",
    "failed": "abort_correct",
}
_MORE_TOOLS = (1, 4)
_MANY_TOOLS = (10, 16)


class WorldFamily(ABC):
    """Tasks in worlds of the split; raises nothing, every seed is a task."""

    name: str
    domain: Stream = "tool"

    @abstractmethod
    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        """Draw what is asked and how it is solved."""

    def expect(self, draft: Draft, dialect: Dialect) -> Expectation:
        """What the right answer is: by default that the plan's end state is reached."""
        return Expectation(verdict="done", end=end_hash(draft))

    def offer(self, rng: random.Random, draft: Draft) -> list[str]:
        """The tools the plan needs, the tool that is asked for and a few more of the world, in any order."""
        needed = needed_tools(draft)
        others = [name for name in draft.world.tools if name not in needed]
        return mixed(rng, needed, others, rng.randint(*_MORE_TOOLS))

    def sample(self, seed: int, split: Split) -> Task:
        rng = named_rng(self.name, split, seed)
        draft = self.draft(rng, worlds_of(split))
        dialect_seed = rng.getrandbits(32)
        dialect = draw_dialect(draft.world, dialect_seed)
        offered = self.offer(rng, draft)
        return make_task(
            self,
            seed,
            split,
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
            right_end=_ENDS[draft.verdict],
            fault=declared(draft.fault),
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
        return Draft(world=world, request=request, writes=plan_of(world, request))


class ChainFamily(WorldFamily):
    """Names are given and ids must be found first; one write, or two in an order that works."""

    name = "tools_chain"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        world = rng.choice(worlds)
        if rng.random() < _PAIR_SHARE:
            request = draw_pair(rng, world)
        else:
            request = draw_request(rng, world, by_name=True, tools=world.writes)
        return Draft(
            world=world, request=request, reads=tuple(reads_for(world, request)), writes=plan_of(world, request)
        )


class MissingFamily(WorldFamily):
    """The request leaves a parameter out that nothing in the world tells: the answer names it, nothing changes."""

    name = "tools_missing"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        world = rng.choice(worlds)
        request = draw_request(
            rng, world, by_name=rng.random() < 0.5, tools=[tool for tool in world.writes if tool.tails]
        )
        draft = Draft(world=world, request=request, reads=tuple(looks(world, request)), verdict="missing")
        return replace(draft, omitted=rng.choice(list(draft.asked.tails)))

    def expect(self, draft: Draft, dialect: Dialect) -> Expectation:
        params = dialect.params[draft.asked.name]
        return Expectation(
            verdict="missing",
            end=end_hash(draft),
            seen=tuple(named_keys(draft)),
            says=words_of(params[draft.omitted]),
            silent_on=tuple(
                word for name, surface in params.items() if name != draft.omitted for word in words_of(surface)
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
        (key, _), *_ = grounds(draft)
        return replace(draft, reads=(show_action(world, key),))

    def expect(self, draft: Draft, dialect: Dialect) -> Expectation:
        return Expectation(verdict="refused", end=end_hash(draft), grounds=tuple(grounds(draft)))


class IrrelevantFamily(WorldFamily):
    """Tools of several worlds and few that fit; in a quarter of the tasks none does, and the answer says so."""

    name = "tools_irrelevant"

    def draft(self, rng: random.Random, worlds: Sequence[World]) -> Draft:
        base, *others = rng.sample(worlds, min(len(worlds), 3))
        without_tool = rng.random() < _NO_TOOL_SHARE
        while True:
            request = draw_request(rng, base, by_name=True, tools=base.writes)
            plan = plan_of(base, request)
            left = offering(base, [tool.name for tool in base.writes if tool.name != request.actions[0].tool])
            if not without_tool or not reachable(left, base, request):
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
        return Expectation(verdict="failed", end=end_hash(draft), seen=tuple(named_keys(draft)), says=("no", "tool"))

    def offer(self, rng: random.Random, draft: Draft) -> list[str]:
        needed = needed_tools(draft)
        others = [name for name in draft.world.tools if name not in needed and name != draft.withheld]
        return mixed(rng, needed, others, rng.randint(*_MANY_TOOLS) - len(needed))


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
            if plan_of(world, request) == (action,) and (fault.can_be_overcome or not reachable(left, world, request)):
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
        return Expectation(verdict="failed", end=start, says=words_of(dialect.names[draft.asked.name]))


def families(knowledge: Knowledge | None = None) -> list[WorldFamily]:
    return [
        SingleFamily(),
        ChainFamily(),
        MissingFamily(),
        RefusalFamily(),
        IrrelevantFamily(),
        FaultFamily(),
    ]
